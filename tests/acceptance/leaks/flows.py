"""
Workflows that do with secrets whatever may go wrong, each secret in each.

    requests_flow(…)      sent in headers, addresses and bodies; echoed, failed, timed out, redirected
    statements_flow(…)    passwords, users and names of databases; cast, quoted, raised in three dialects
    expressions_flow()    errors of the library over a secret, and what filters make of one
    own_flow(…)           secrets of the environment, of an input and of an answer
    cut_flow(…)           one that is in flight when the daemon is killed

YAML holds JSON, so they are written as JSON.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.leaks.peer import PATHS
from tests.unit.redaction.shapes import SECRETS

GOES_ON = {"on_error": "continue"}
EACH = "{{ [" + ", ".join(f"{{'n': '{name}', 'v': $secret.{name}}}" for name in SECRETS) + "] }}"
"""The list of all secrets: a for_each over it journals it."""

MANY = (
    "select cast($item.v as text) as v, md5($item.v), quote_literal($item.v), to_json(cast($item.v as text))::text, "
    "encode(convert_to($item.v, 'utf8'), 'hex'), encode(convert_to($item.v, 'utf8'), 'base64'), "
    "encode(convert_to($item.v, 'utf8'), 'escape'), convert_to($item.v, 'utf8'), reverse(reverse($item.v))"
)
"""What PostgreSQL makes of a text."""

SOME = {"back-shapes": ("SHORT", "QUOTES", "PEM", "JSON"), "back-text": ("URL", "NON_ASCII", "PUNCTUATION")}
"""Requests whose answers are large: for these secrets alone. Each secret in each shape is the redactor's own test."""


def requests_flow(origin: str) -> str:
    """Over HTTP. `origin` is the peer's."""
    body = {"v": "$item.v", "n": "$item.n"}
    sent: dict[str, dict[str, Any]] = {
        f"back-{way}": {"method": "POST", "url": f"{origin}/{way}", "body": body} for way in PATHS
    }
    sent["pages"] = {
        "url": f"{origin}/echo",
        "query": {"q": "$item.v"},
        "paginate": {"next": "{{ $this.body.value }}", "max_pages": 2},
    }
    sent["header"] = {"url": f"{origin}/echo", "headers": {"X-Canary": "{{ $item.v | urlencode }}"}}
    sent["raw-header"] = {
        "url": f"{origin}/headers",
        "headers": {"Authorization": "Bearer $item.v", "X-Canary": "$item.v"},
    }
    sent["basic"] = {"url": f"{origin}/headers", "auth": {"basic": {"username": "u", "password": "$item.v"}}}
    sent["query"] = {"url": f"{origin}/fail", "query": {"q": "$item.v", "twice": "{{ $item.v | urlencode }}"}}
    sent["path"] = {"url": origin + "/{{ $item.v | urlencode }}/fail"}
    sent["raw-path"] = {"url": origin + "/x/$item.v"}
    sent["closed"] = {"url": "http://127.0.0.1:9/{{ $item.v | urlencode }}"}
    sent["host"] = {"url": "http://$item.v/x"}
    sent["coded-host"] = {"url": "http://{{ $item.v | hex }}.test/x"}
    sent["kept-back"] = {"url": "http://{{ $item.v | hex }}.test/x", "headers": {"X-Canary": "$secret.BOUND"}}
    sent["userinfo"] = {"url": "http://u:{{ $item.v | urlencode }}@127.0.0.1:9/"}
    sent["whole"] = {"url": "$item.v"}
    sent["proxy"] = {"url": f"{origin}/echo", "proxy": "http://u:{{ $item.v | urlencode }}@127.0.0.1:9"}
    sent["method"] = {"method": "$item.v", "url": f"{origin}/echo"}
    sent["file"] = {"method": "POST", "url": f"{origin}/echo", "multipart": {"f": {"file": "$item.v"}}}
    sent["expect"] = {"url": f"{origin}/echo", "expect": "{{ $item.v }}"}
    actions = [{"id": name, "type": "http", "needs": [], "config": config, **GOES_ON} for name, config in sent.items()]
    for action in actions:
        if names := SOME.get(str(action["id"])):
            action["if"] = f"$item.n in {list(names)}"
    hang = {"url": f"{origin}/hang", "headers": {"X-Canary": "{{ $item.v | urlencode }}"}}
    actions.append({"id": "late", "type": "http", "needs": [], "timeout": "200ms", "config": hang, **GOES_ON})
    return _flow("/requests", actions)


def statements_flow(postgres: str, mysql: str) -> str:
    """Over SQL. The databases' addresses as the fixtures give them."""
    quoted = "{{ $item.v | urlencode }}"
    statements = {
        "cast": (postgres, "select cast(cast($item.v as text) as int)"),
        "typed": (postgres, "select 1 + $item.v"),
        "raised": (postgres, "select xmlparse(document cast($item.v as text))"),
        "json": (postgres, "select cast(cast($item.v as text) as json)"),
        "many": (postgres, MANY),
        "notice": (
            postgres,
            "select set_config('application_name', $item.v, false), current_setting('application_name')",
        ),
        "my-cast": (mysql, "select cast($item.v as signed), json_extract($item.v, '$.a')"),
        "my-many": (mysql, "select $item.v as v, hex($item.v) as h, to_base64($item.v) as b, quote($item.v) as q"),
        "my-time": (mysql, "select str_to_date($item.v, '%Y') as t, uuid_to_bin($item.v) as u"),
        "lite-cast": ("sqlite://./data/files/l.db", "select json($item.v)"),
        "lite-many": ("sqlite://./data/files/l.db", "select quote($item.v) as q, hex($item.v) as h, $item.v as v"),
        "lite-path": ("sqlite://./data/files/none/$item.v", "select 1"),
        "whole": ("$item.v", "select 1"),
    }
    for name, url in {"pg": postgres, "my": mysql}.items():
        at = urlsplit(url)
        host = f"{at.hostname}:{at.port}"
        statements[f"{name}-password"] = (f"{at.scheme}://nobody_{name}:{quoted}@{host}/nowhere", "select 1")
        statements[f"{name}-user"] = (f"{at.scheme}://{quoted}:x@{host}/nowhere", "select 1")
        statements[f"{name}-name"] = (f"{at.scheme}://{at.username}@{host}/{quoted}", "select 1")
        statements[f"{name}-closed"] = (f"{at.scheme}://u:{quoted}@127.0.0.1:9/x", "select 1")
        statements[f"{name}-raw"] = (f"{at.scheme}://u:$item.v@{host}/x", "select 1")
    actions = [
        {"id": name, "type": "sql", "needs": [], "config": {"connection_string": url, "query": query}, **GOES_ON}
        for name, (url, query) in statements.items()
    ]
    return _flow("/statements", actions)


def expressions_flow() -> str:
    """Over nothing but expressions, and a `stop` that fails with each secret's text."""
    broken = {
        "int": "$item.v | int",
        "float": "$item.v | float",
        "date": "date($item.v)",
        "duration": "duration($item.v)",
        "fromjson": "$item.v | fromjson",
        "b64": "$item.v | b64decode",
        "plus": "$item.v + 1",
        "minus": "1 - $item.v",
        "index": "$item.v.missing",
        "key": "{'a': 1}[$item.v]",
        "regex": "'x' | find($item.v)",
        "jwt": "{'a': 1} | jwt('k', $item.v)",
        "hash": "'x' | hash($item.v)",
        "xml": "$item.v | xml",
        "csv": "$item.v | csv",
        "format": "now() | date($item.v)",
        "zone": "now() | date('%Y', $item.v)",
        "long": "$item.v * 1000000",
        "join": "[1, {}] | join($item.v)",
        "sum": "[$item.v, 1] | sum",
        "sort": "[$item.v, 1] | sort",
        "by": "[{'a': 1}] | map(attribute=$item.v)",
    }
    made = {
        "filters": {
            "upper": "{{ $item.v | upper }}",
            "reversed": "{{ $item.v | reverse }}",
            "parts": "{{ $item.v | split('a') }}",
            "changed": "{{ $item.v | replace('a', 'a') }}",
            "b64": "{{ $item.v | b64encode }}",
            "hex": "{{ $item.v | hex }}",
            "json": "{{ [$item.v] | tojson | tojson }}",
            "url": "{{ $item.v | urlencode | urlencode }}",
            "key": "{{ {$item.v: 1} }}",
            "csv": "{{ [[$item.v, 'x']] | to_csv }}",
            "hidden": "{{ 'made-up-' ~ ($item.v | length) | secret }}",
        },
    }
    actions: list[dict[str, Any]] = [
        {"id": name, "type": "set", "needs": [], "config": "{{ " + text + " }}", **GOES_ON}
        for name, text in broken.items()
    ]
    actions.append({"id": "made", "type": "set", "needs": [], "config": made, **GOES_ON})
    return _flow("/expressions", actions)


def own_flow(origin: str) -> str:
    """What no vault holds: a variable, a file of one, an input, a part of an answer that is declared sensitive."""
    every = {"v": "$env.CANARY_PASSWORD", "w": "$env.CANARY_MOUNTED_TOKEN", "x": "$input.token"}
    headers = {f"X-{name}": text for name, text in every.items()}
    asked = {"method": "POST", "url": f"{origin}/own/echo", "headers": headers, "body": {"v": every}}
    found = {"method": "POST", "url": f"{origin}/own/given", "body": {"v": "x"}}
    actions = [
        {"id": "asked", "type": "http", "config": asked},
        {"id": "found", "type": "http", "config": found, "sensitive": ["body.value"]},
        {
            "id": "used",
            "type": "http",
            "config": {"url": f"{origin}/own/fail", "query": {"q": "$action.found.body.value"}},
            **GOES_ON,
        },
        {"id": "wrong", "type": "set", "config": "{{ $action.found.body.value | int }}", **GOES_ON},
    ]
    output = {
        "a": "$action.asked",
        "f": "$action.found",
        "u": "$action.used",
        "w": "$action.wrong",
        "i": "$input.token",
    }
    return json.dumps({"inputs": {"token": {"type": "string", "secret": True}}, "actions": actions, "output": output})


def cut_flow(origin: str) -> str:
    """It hangs in its second action, and gives back afterwards what the peer had got before."""
    every = {name: f"$secret.{name}" for name in SECRETS}
    first = {**every, "p": "$env.CANARY_PASSWORD", "m": "$env.CANARY_MOUNTED_TOKEN"}
    actions: list[dict[str, Any]] = [
        {"id": "first", "type": "http", "config": {"method": "POST", "url": f"{origin}/echo", "body": {"v": first}}},
        {"id": "kept", "type": "set", "config": every},
        {"id": "second", "type": "http", "config": {"method": "POST", "url": f"{origin}/hang", "body": {"v": every}}},
        {"id": "third", "type": "http", "config": {"url": f"{origin}/old"}},
        {"id": "wrong", "type": "stop", "config": {"error": "it was $action.kept.PLAIN, not $action.third.body.all"}},
    ]
    trigger = {"type": "http", "config": {"path": "/cut", "auth": "none", "respond": "accepted"}}
    return json.dumps({"triggers": [trigger], "actions": actions})


def _flow(path: str, actions: list[dict[str, Any]]) -> str:
    """All of it once for each secret, started by a request that is answered with everything."""
    outputs = {action["id"]: f"$action.{action['id']}" for action in actions}
    group = {
        "id": "each",
        "type": "group",
        "for_each": EACH,
        **GOES_ON,
        "config": {"actions": actions, "output": {"name": "$item.n", "all": outputs}},
    }
    trigger = {"type": "http", "config": {"path": path, "auth": "none", "respond": "result", "response_timeout": "2m"}}
    return json.dumps({"triggers": [trigger], "actions": [group], "output": "$action.each"}, ensure_ascii=False)
