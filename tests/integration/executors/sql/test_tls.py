"""TLS as the connection string asks for it, on servers that offer it: the certificate's authority and name are checked, or not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from runner.errors import ActionError, PermanentError
from tests.integration.executors.sql.conftest import Attempt
from tests.services import mariadb, postgres, processes
from tests.services.databases import postgres_execute

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
IN_USE = {
    "postgres": "select case when ssl then 'yes' end as v from pg_stat_ssl where pid = pg_backend_pid()",
    "mysql": "select if(variable_value <> '', 'yes', null) as v from information_schema.session_status where variable_name = 'ssl_cipher'",
}


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A server of one's own whose certificate is for `localhost` alone: its dialect and address."""
    account = request.param
    with processes.folder(account) as home:
        AUTHORITY.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(home / "server.pem")
        shutil.chown(home / "server.pem", *_owner(home))
        (home / "server.pem").chmod(0o600)
        if account == "mysql":
            with pytest.MonkeyPatch.context() as patch:
                certificate = (f"--ssl-cert={home}/server.pem", f"--ssl-key={home}/server.pem")
                patch.setattr(mariadb, "_SETTINGS", mariadb._SETTINGS + certificate)
                with mariadb.private() as url:
                    yield "mysql", url
        else:
            with postgres.private() as url:
                for setting in (
                    f"ssl_cert_file = '{home}/server.pem'",
                    f"ssl_key_file = '{home}/server.pem'",
                    "ssl = on",
                ):
                    postgres_execute(url, f"alter system set {setting}")
                postgres_execute(url, "select pg_reload_conf()")
                yield "postgres", url


def _owner(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid


@pytest.fixture
def authorities(files: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(files / "ca.pem")
    STRANGER.cert_pem.write_to_path(files / "stranger.pem")
    return files


class TestModes:
    @pytest.mark.parametrize(
        ("host", "mode", "encrypted"),
        [
            ("127.0.0.1", "", "yes"),
            ("127.0.0.1", "disable", None),
            ("127.0.0.1", "prefer", "yes"),
            ("127.0.0.1", "require", "yes"),
            ("127.0.0.1", "verify-ca&sslrootcert={ca}", "yes"),
            ("localhost", "verify-full&sslrootcert={ca}", "yes"),
        ],
    )
    async def test_taken(
        self, attempt: Attempt, server: tuple[str, str], authorities: Path, host: str, mode: str, encrypted: str | None
    ) -> None:
        """The connection is encrypted as the mode says, and the certificate is right where it is looked at."""
        url = server[1].replace("127.0.0.1", host)
        options = "?sslmode=" + mode.format(ca=authorities / "ca.pem") if mode else ""

        assert (await attempt(url + options, IN_USE[server[0]]))["row"] == {"v": encrypted}

    @pytest.mark.parametrize(
        ("host", "mode"),
        [
            ("127.0.0.1", "verify-full&sslrootcert={files}/ca.pem"),
            ("localhost", "verify-full&sslrootcert={files}/stranger.pem"),
            ("localhost", "verify-ca&sslrootcert={files}/stranger.pem"),
            ("localhost", "verify-full"),
            ("localhost", "require&sslrootcert={files}/stranger.pem"),
        ],
    )
    async def test_refused(
        self, attempt: Attempt, server: tuple[str, str], authorities: Path, host: str, mode: str
    ) -> None:
        """A wrong name, a stranger's authority, one that the system does not know: no connection."""
        url = server[1].replace("127.0.0.1", host)

        with pytest.raises(ActionError) as caught:
            await attempt(f"{url}?sslmode={mode.format(files=authorities)}", "select 1 as a")

        assert caught.value.kind == "connection"

    @pytest.mark.parametrize("option", ["sslrootcert", "sslcert"])
    async def test_files_of_others_are_not_read(self, attempt: Attempt, server: tuple[str, str], option: str) -> None:
        """A certificate lies in the folders that workflows may use."""
        with pytest.raises(PermanentError, match="outside the folders"):
            await attempt(f"{server[1]}?sslmode=verify-full&{option}=/etc/passwd", "select 1 as a")

    async def test_a_file_that_is_no_certificate(self, attempt: Attempt, server: tuple[str, str], files: Path) -> None:
        """A clear error, which does not repeat the file."""
        (files / "text").write_text("c4nary")

        with pytest.raises(PermanentError, match="sslrootcert of the connection string is not a readable certificate"):
            await attempt(f"{server[1]}?sslmode=verify-full&sslrootcert={files}/text", "select 1 as a")
