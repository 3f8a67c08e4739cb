"""
What an expression makes of a secret stays secret wherever it surfaces, and arrives as it is where it is meant to go.

One run sends the result of every function of the library to a real server, from a `set`, as it is, joined to a text, cut,
in a list and in an object. What arrived there must be nowhere in what Runner wrote: journal, output, log, terminal.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Installation
from tests.conftest import OpenServer
from tests.services.http_server import answer
from tests.unit.expressions.test_labels import CASES

KEY = "canary-5EcR3t-value-0042"
NUMBER = "9081726354"

VARIABLES = """
vars:
  n: "{{ $secret.NUMBER | int }}"
  hidden: $secret.KEY
  json: '{"a": "$secret.KEY"}'
  open: o
  rows:
    - {id: 1, t: $secret.KEY}
    - {id: 2, t: "2$secret.KEY"}
"""
FAILING = [
    "$secret.KEY | int",
    "$secret.KEY | date",
    "$secret.KEY + 1",
    "$secret.KEY | fromjson",
    "$secret.KEY | xml",
    "date($secret.KEY)",
    "duration($secret.KEY)",
    "$secret.KEY | hash($secret.KEY)",
    "'a' | find('(' ~ $secret.KEY)",
    "([1][$secret.KEY]).x ~ ''",
    "{} | jwt('k', $secret.KEY)",
    "($secret.KEY ~ '!') | b64decode",
]
SMALL = {
    "split(maxsplit",
    "int($",
    "round($",
    "batch(",
    "slice(",
    "| date",
    "date(",
    "duration(",
    "bcrypt",
    "| unix",
    "* $",
}
"""Where the number has to be a small one: it is masked by its label alone, and too short to be looked for."""


def _cases() -> list[str]:
    """The library's own table, over the variables above; bytes are no value that an action may have."""
    texts = [text for each in CASES.values() for text in each]
    kept = [text for text in texts if not any(word in text and "$item.n" in text for word in SMALL)]
    placed = [text.replace("$item.gone", "$trigger.body.gone") for text in kept]
    return [
        text.replace("$item.", "$vars.").replace("$input.", "$vars.") + (" | hex" if text.endswith("b64decode") else "")
        for text in placed
    ]


def _workflow(url: str) -> str:
    lines = [VARIABLES, "actions:"]
    for at, text in enumerate(_cases()):
        made = f"$action.made-{at}"
        wrapped = {"one": f"{{{{ {text} }}}}"}
        body = {
            "as-it-is": f"{{{{ {made}.one }}}}",
            "joined": f"{{{{ 'x-' ~ ({made}.one | tojson) ~ '-y' }}}}",
            "cut": f"{{{{ ({made}.one | tojson)[1:] }}}}",
            "in-a-list": f"{{{{ [1, {made}.one] }}}}",
            "in-an-object": f"{{{{ {{'k': {{'l': {made}.one}}}} }}}}",
        }
        config = {"method": "POST", "url": f"{url}/{at}", "body": body}
        lines += [
            f"  - {{id: made-{at}, needs: [], type: set, config: {json.dumps(wrapped)}}}",
            f"  - {{id: send-{at}, needs: [made-{at}], type: http, config: {json.dumps(config)}}}",
        ]
    outputs = {f"o{at}": f"{{{{ $action.made-{at}.one }}}}" for at in range(len(_cases()))}
    return "\n".join([*lines, f"output: {json.dumps(outputs)}"])


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    installation.set_secret("KEY", KEY)
    installation.set_secret("NUMBER", NUMBER)
    return installation


def _written(installation: Installation) -> bytes:
    """Everything that Runner wrote: files, terminal, log."""
    files = [path.read_bytes() for path in (installation.folder / "data").rglob("*") if path.is_file()]
    return b"\n".join([*files, installation.said])


def _telling(value: Any) -> list[str]:
    """The texts and numbers of a value that are long enough to be known again."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _telling(item)]
    if isinstance(value, list):
        return [text for item in value for text in _telling(item)]
    return [str(value)] if not isinstance(value, bool) and len(str(value)) >= 8 else []


class TestFilters:
    async def test_no_function_of_the_library_unmasks(
        self, installation: Installation, http_server: OpenServer
    ) -> None:
        """What the server got is plain, and stands nowhere else."""

        server = await http_server(answer())
        installation.write("filters.yaml", _workflow(server.url("")))

        document = await installation.result("filters")

        assert document["state"] == "succeeded", document
        assert len(server.requests) == len(_cases())
        written = _written(installation)
        for request in server.requests:
            case = _cases()[int(request.path[1:])]
            sent = json.loads(request.body)
            assert b"[secret " not in request.body, case
            for text in _telling(sent):
                assert text.encode() not in written, (case, text)
                assert json.dumps(text)[1:-1].encode() not in written, (case, text)
        assert installation.leaks(KEY) == installation.leaks(NUMBER) == []

    async def test_an_expression_that_fails_shows_nothing(self, installation: Installation) -> None:
        """Neither in its error nor beside it."""
        actions = [
            f"  - {{id: a-{at}, needs: [], type: set, on_error: continue, config: {json.dumps({'v': f'{{{{ {text} }}}}'})}}}"
            for at, text in enumerate(FAILING)
        ]
        errors = {f"e{at}": f"$action.a-{at}.error.message" for at in range(len(FAILING))}
        installation.write("fails.yaml", "\n".join(["actions:", *actions, f"output: {json.dumps(errors)}"]))

        document = await installation.result("fails")

        assert len(document["output"]) == len(FAILING)
        assert installation.leaks(KEY) == []
