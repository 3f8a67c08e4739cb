"""
The `http` action type: requests to the outer world (design: language, "The `http` executor").

    config.py    what may stand in a file           check.py      what its types cannot say
    executor.py  one attempt                        paginate.py   several pages
    outgoing.py  the request   ◄── target, headers, scalars, body, multipart, files
    exchange.py  send, authenticate, redirect, read ◄── auth/, redirects, incoming, media, labels, failures
    transport.py HTTP/1.1      http2.py HTTP/2      ◄── tls, runner.executors.addresses

`runner.executors.action_types` puts `ACTION_TYPE` beside the others; the loader and the engine see nothing else of
it.
"""

from runner.executors.http.check import check
from runner.executors.http.config import HttpConfig
from runner.executors.http.executor import HttpExecutor, open_http
from runner.ports import ActionType

ACTION_TYPE = ActionType(name="http", config=HttpConfig, check=check, open=open_http)

__all__ = ["ACTION_TYPE", "HttpConfig", "HttpExecutor", "open_http"]
