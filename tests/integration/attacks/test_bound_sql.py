"""A secret that is bound to one origin reaches no other database, by connection string or as a value."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runner.errors import PermanentError
from runner.executors.sql.executor import SqlExecutor
from tests.integration.attacks.held import destinations
from tests.integration.executors.sql.conftest import FakeCall, rendered, secret


def bound_to(value: str, *origins: str) -> FakeCall:
    """A call of a daemon whose secret KEY has this value and these origins."""
    return FakeCall(destinations=destinations({"KEY": (value, origins)}))


async def run(sql: SqlExecutor, call: FakeCall, url: Any, query: str = "select 1 as n", **values: Any) -> Any:
    """One attempt; `url` may be a secret."""
    inputs = {**values, "url": url}
    return (await sql.execute(rendered("$input.url", query, inputs), call)).value


async def refused(sql: SqlExecutor, call: FakeCall, url: Any, query: str = "select 1 as n", **values: Any) -> str:
    """The refusal of an attempt."""
    with pytest.raises(PermanentError, match=r"may be sent to .* only \(allowed_hosts\)") as caught:
        await run(sql, call, url, query, **values)
    assert caught.value.kind == "refused"
    return str(caught.value)


class TestConnectionString:
    async def test_its_own_server_gets_it(self, sql: SqlExecutor, postgres_url: str) -> None:
        """Named as an origin with its port."""
        place = urlsplit(postgres_url)
        call = bound_to(postgres_url, f"postgresql://{place.hostname}:{place.port or 5432}")

        assert (await run(sql, call, secret(postgres_url, "KEY")))["row"] == {"n": 1}

    @pytest.mark.parametrize(
        "hosts",
        [
            "thief.test",
            "db.test,thief.test",
            "thief.test,db.test",
            "db.test:5433",
            "db.test.thief.test",
            "127.0.0.1",
            "[::1]",
            "[fe80::1%251]",
        ],
    )
    async def test_every_host_is_held_to_it(self, sql: SqlExecutor, hosts: str) -> None:
        """Several hosts, another port, a name that only begins like it; and no host is named that may be secret."""
        url = f"postgresql://user:canary-password@{hosts}/d"
        told = await refused(sql, bound_to(url, "postgresql://db.test"), secret(url, "KEY"))

        assert told.endswith("not to the host of the connection string")
        assert "canary-password" not in told

    async def test_a_socket_is_another_place(self, sql: SqlExecutor) -> None:
        """It leads to whatever listens on this machine."""
        url = "postgresql://user:canary-password@/d?host=/run/thief"

        await refused(sql, bound_to(url, "postgresql://db.test"), secret(url, "KEY"))

    @pytest.mark.parametrize(
        "url", ["mysql://user:canary-password@db.test/d", "postgresql://user:canary-password@db.test:443/d"]
    )
    async def test_another_kind_of_server_is_another_origin(self, sql: SqlExecutor, url: str) -> None:
        """https on the same host is not leave for a database."""
        await refused(sql, bound_to(url, "https://db.test", "postgresql://db.test"), secret(url, "KEY"))

    async def test_a_password_that_was_written_out_is_known_by_its_bytes(self, sql: SqlExecutor) -> None:
        """Without its label, as when a server gave it back."""
        told = await refused(
            sql, bound_to("canary-password", "postgresql://db.test"), "postgresql://user:canary-password@thief.test/d"
        )

        assert "what holds the value of the secret KEY" in told
        assert told.endswith("not to postgresql://thief.test")


class TestValues:
    @pytest.mark.parametrize(
        "value", [secret("canary-value-1", "KEY"), "canary-value-1", {"a": ["…canary-value-1…"]}], ids=str
    )
    async def test_a_value_that_is_bound_elsewhere_is_not_stored(
        self, sql: SqlExecutor, tmp_path: Path, value: Any
    ) -> None:
        """By label, by its bytes, and deep in a document; nothing was opened."""
        url = f"sqlite:///{tmp_path}/kept.db"
        told = await refused(sql, bound_to("canary-value-1", "https://api.test"), url, "select $input.v as v", v=value)

        assert told.endswith("not to sqlite://")
        assert not (tmp_path / "kept.db").exists()

    async def test_files_of_this_machine_are_an_origin(self, sql: SqlExecutor, tmp_path: Path) -> None:
        """`sqlite://` admits them; where it went is known."""
        url = f"sqlite:///{tmp_path}/kept.db"
        call = bound_to("canary-value-1", "sqlite://")
        value = secret("canary-value-1", "KEY")

        assert (await run(sql, call, url, "select length($input.v) as n", v=value))["row"] == {"n": 14}
        seen: Any = call.destinations
        assert set(seen._seen.of_all()["KEY"].hosts) == {"sqlite://"}
