"""A secret that a database chokes on is in no error: neither whole nor the beginning that a library cuts out of it."""

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation

SECRETS = {
    "SHORT": "canary-8Zk21qwx",
    "LONG": "canary-9f3Ab7-" + "0123456789abcdefghij" * 5,
    "QUOTES": "canary'\"quo`ted\\value-77",
}
STATEMENTS = [
    "select cast($secret.NAME as int) as n",
    "select $secret.NAME + 1 as n",
    "insert into no_such_table values ($secret.NAME)",
    "select 1 as n where 1 = $secret.NAME",
]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    for name, value in SECRETS.items():
        installation.set_secret(name, value)
    return installation


class TestSecretErrors:
    async def test_no_database_says_a_secret(
        self, installation: Installation, postgres_url: str, mysql_url: str
    ) -> None:
        """Cast to a number, added to one, put into a table that is not there; output, journal, log and terminal."""
        lines = ["actions:"]
        errors = {}
        for where, url in (("pg", postgres_url), ("my", mysql_url), ("lite", "sqlite://./data/files/x.db")):
            for name in SECRETS:
                for at, statement in enumerate(STATEMENTS):
                    action = f"{where}-{name.lower()}-{at}"
                    config = json.dumps({"connection_string": url, "query": statement.replace("NAME", name)})
                    lines.append(f"  - {{id: {action}, type: sql, on_error: continue, config: {config}}}")
                    errors[action] = f"{{{{ $action.{action}.error | default(null) }}}}"
        installation.write("errors.yaml", "\n".join([*lines, f"output: {json.dumps(errors)}"]))

        document = await installation.result("errors")
        told = [error for error in document["output"].values() if error]

        assert len(told) > 2 * len(STATEMENTS)
        for value in SECRETS.values():
            assert installation.leaks(value) == []
            assert value[:13].encode() not in installation.said
