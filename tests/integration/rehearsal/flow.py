"""The workflow that rehearsals are tested with, and answers with which it succeeds."""

FLOW = """
inputs: {n: {type: integer, default: 1}}
triggers: [{type: http, config: {path: /x, auth: none}}]
actions:
  - {id: ask, type: http, retry: {max_attempts: 5, delay: 10m}, config: {url: "https://api.test/$input.n", headers: {K: $secret.KEY}}}
  - {id: rest, type: wait, config: {for: 30d}}
  - {id: approve, type: wait, timeout: 3d, on_error: continue, config: {callback: {ok: {type: boolean}}}}
  - {id: keep, type: sql, if: $action.approve.ok, config: {connection_string: $env.DATABASE_URL, query: "insert into t values ($action.ask.body, $trigger.body.x, $last.output)"}}
on_failure:
  - {id: tell, type: http, config: {url: $secret.HOOK, method: POST, body: $run.error}}
output: $action.ask.body
"""
"""A workflow with what a rehearsal has to answer for: requests, waits, an approval, a database."""

GOOD = "ask: [{error: {type: 5xx, message: it hurts}}, {value: {status: 200, body: {n: 5}}}], approve: {answer: {ok: true}}, keep: {value: {row_count: 1}}"
"""What a test says under `answers`."""
