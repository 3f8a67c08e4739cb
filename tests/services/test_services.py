"""
The ground that the other tests stand on: databases of one's own, HTTP servers that record, services that come and go.

Nothing of Runner is imported here.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import mysql.connector
import psutil
import pytest
from aiohttp import web

from tests.conftest import OpenServer
from tests.services import mariadb, postgres, processes
from tests.services.databases import fresh_mysql, fresh_postgres, mysql_execute, postgres_execute
from tests.services.http_server import answer

ROOT = Path(__file__).parents[2]
BRING_UP = [sys.executable, "-m", "tests.services"]


def _private(**more: str) -> dict[str, str]:
    return {**os.environ, "RUNNER_TEST_PRIVATE": "1", **more}


class TestDatabases:
    async def test_postgres_url_is_a_database_of_ones_own(self, postgres_url: str) -> None:
        """The database that the server says we are in is the one in the address."""
        connection = await asyncpg.connect(postgres_url)
        try:
            name = await connection.fetchval("select current_database()")
        finally:
            await connection.close()

        assert name == urlsplit(postgres_url).path[1:]
        assert name.startswith("runner_test_")

    def test_mysql_url_is_a_database_that_holds_any_character(self, mysql_url: str) -> None:
        """It is there under the name in the address and stores four-byte characters."""
        parts = urlsplit(mysql_url)
        name = parts.path[1:]
        with mysql.connector.connect(
            host=parts.hostname, port=parts.port, user=parts.username, database=name
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("select database(), @@character_set_database")

            assert cursor.fetchall() == [(name, "utf8mb4")]

    @pytest.mark.parametrize(
        ("fresh", "server", "execute", "unknown"),
        [
            (fresh_postgres, postgres, postgres_execute, asyncpg.PostgresError),
            (fresh_mysql, mariadb, mysql_execute, mysql.connector.Error),
        ],
        ids=["postgres", "mariadb"],
    )
    def test_a_fresh_database_is_gone_after_its_block(
        self,
        fresh: Callable[[str], AbstractContextManager[str]],
        server: ModuleType,
        execute: Callable[[str, str], None],
        unknown: type[Exception],
    ) -> None:
        """Dropping it once more is refused: it is not there."""
        with fresh(server.required()) as url:
            name = urlsplit(url).path[1:]

        with pytest.raises(unknown, match=name):
            execute(server.required(), f"drop database {name}")


class TestHttpServer:
    async def test_it_answers_and_records_what_it_was_asked(self, http_server: OpenServer) -> None:
        """Method, path, query, lower-case headers and the whole body stand in `requests`, in order."""
        server = await http_server(answer({"ok": True}, status=202))
        async with aiohttp.ClientSession() as session:
            async with session.post(server.url("/a?x=1"), data=b"\x00body", headers={"X-Key": "v"}) as response:
                assert (response.status, await response.json()) == (202, {"ok": True})
            async with session.get(server.url("/b")):
                pass

        first, second = server.requests
        assert (first.method, first.path, first.query, first.headers["x-key"], first.body) == (
            "POST",
            "/a",
            {"x": "1"},
            "v",
            b"\x00body",
        )
        assert (second.method, second.path, second.body) == ("GET", "/b", b"")

    async def test_a_handler_reads_the_body_that_was_recorded(self, http_server: OpenServer) -> None:
        """Recording takes nothing away from the handler, and one test may open several servers."""

        async def echo(request: web.Request) -> web.StreamResponse:
            return web.Response(body=await request.read())

        one, other = await http_server(echo), await http_server(answer())
        async with aiohttp.ClientSession() as session, session.put(one.url(), data=b"x" * 100_000) as response:
            assert len(await response.read()) == 100_000

        assert one.port != other.port
        assert other.requests == []


class TestBringUp:
    """`python -m tests.services` on the real programs of this machine."""

    def test_private_servers_live_as_long_as_the_command(self) -> None:
        """Both answer on ports of their own while the command runs; after it their processes and their folders are gone."""
        probe = (
            "import os, psutil; from tests.services import postgres, mariadb;"
            "print(postgres.required(), mariadb.required());"
            "print(*[p.pid for p in psutil.Process(os.getppid()).children() if p.pid != os.getpid()])"
        )
        done = subprocess.run(
            [*BRING_UP, "--", sys.executable, "-c", probe],
            cwd=ROOT,
            env=_private(),
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        urls, pids = (line.split() for line in done.stdout.splitlines())
        assert all(urlsplit(url).port not in (5432, 3306) for url in urls)
        assert len(pids) == 2
        assert not any(psutil.pid_exists(int(pid)) for pid in pids)
        assert not postgres.answers(urls[0])
        assert not mariadb.answers(urls[1])

    def test_without_a_command_it_prints_exports_until_it_is_told_to_end(self) -> None:
        """A shell may evaluate what it prints; SIGTERM stops the servers and then the process."""
        with subprocess.Popen(
            BRING_UP, cwd=ROOT, env=_private(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(2)]
            urls = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
            assert postgres.answers(urls["RUNNER_TEST_POSTGRES"])
            assert mariadb.answers(urls["RUNNER_TEST_MYSQL"])
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 128 + signal.SIGTERM

        assert not postgres.answers(urls["RUNNER_TEST_POSTGRES"])
        assert not mariadb.answers(urls["RUNNER_TEST_MYSQL"])

    @pytest.mark.parametrize(
        ("variable", "scheme"), [("RUNNER_TEST_POSTGRES", "postgresql"), ("RUNNER_TEST_MYSQL", "mysql")]
    )
    def test_a_named_server_that_does_not_answer_is_an_error(self, variable: str, scheme: str) -> None:
        """Nothing else is used in its place; the message names the variable and no address."""
        named = {
            **os.environ,
            "RUNNER_TEST_PRIVATE": "0",
            variable: f"{scheme}://u:hunter2@127.0.0.1:{processes.free_port()}/x",
        }
        done = subprocess.run(
            [*BRING_UP, "--", "true"], cwd=ROOT, env=named, capture_output=True, text=True, check=False
        )

        assert done.returncode == 1
        assert f"{variable} names a server that does not answer" in done.stderr
        assert "hunter2" not in done.stderr

    def test_the_exit_status_is_the_commands(self) -> None:
        """A failed test run fails the target that called it."""
        done = subprocess.run([*BRING_UP, "--", "sh", "-c", "exit 7"], cwd=ROOT, capture_output=True, check=False)

        assert done.returncode == 7

    def test_a_server_that_ends_at_once_is_reported_with_what_it_said(self) -> None:
        """Its last words stand in the message, so that a broken machine can be cured."""
        command = [processes.program("sh", package="dash"), "-c", "echo no-such-setting; exit 3"]
        with processes.folder("postgres") as home:
            starting = processes.server(
                command, account="postgres", cwd=home, stop=signal.SIGTERM, answers=lambda: False
            )
            with pytest.raises(processes.ServiceError, match="no-such-setting"):
                starting.__enter__()
