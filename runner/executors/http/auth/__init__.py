"""
How a request proves who sends it: one module a kind, all of the shape of `flow.Flow`.

`runner.executors.http.executor` asks `choose.flow` for an attempt's flow; nothing here opens a connection of its own
but through the exchange it is handed.
"""
