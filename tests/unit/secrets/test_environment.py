"""What `$env` reads, refuses and masks."""

import os
from pathlib import Path
from typing import Any

import pytest

from runner.errors import SecretError, SecretMissingError, SecretRefusedError
from runner.secrets.environment import Environment, Variable

ENVIRON = {
    "HOST": "db.example",
    "EMPTY": "",
    "DATABASE_URL": "postgres://app:pw@db/x",
    "API_TOKEN": "canary-token",
    "RUNNERD_DASHBOARD_MASTER_KEY": "canary-master",
    "RUNNERD_DASHBOARD_PUBLIC_URL": "https://x",
    "CREDENTIALS_DIRECTORY": "/run/credentials",
    "OTHER_PASSWORD": "canary-other",
}


def environment(environ: Any = ENVIRON, **rules: Any) -> Any:
    rules = {"allow": ("*",), "secret": ("*TOKEN*", "*_URL", "*PASSWORD*", "*KEY*"), **rules}
    return Environment(environ, **rules)


async def resolve(environment: Any, name: Any) -> Any:
    return (await environment.resolve(frozenset({name})))[name]


class TestVariables:
    @pytest.mark.parametrize(
        ("name", "value", "is_secret"),
        [
            ("HOST", "db.example", False),
            ("EMPTY", "", False),
            ("DATABASE_URL", "postgres://app:pw@db/x", True),
            ("API_TOKEN", "canary-token", True),
        ],
    )
    async def test_a_variable_is_secret_by_its_name(self, name: Any, value: Any, is_secret: Any) -> None:
        """By the patterns of [env] secret."""
        assert await resolve(environment(), name) == Variable(value, is_secret)

    @pytest.mark.parametrize(
        ("name", "rules", "error", "message"),
        [
            ("NOWHERE", {}, SecretMissingError, "There is no variable NOWHERE, nor NOWHERE_FILE."),
            ("RUNNERD_DASHBOARD_MASTER_KEY", {}, SecretRefusedError, "Runner's own"),
            ("CREDENTIALS_DIRECTORY", {}, SecretRefusedError, "Runner's own"),
            ("HOST", {"allow": ("APP_*",)}, SecretRefusedError, "not among those that [env] allow names"),
            ("HOST", {"allow": ()}, SecretRefusedError, "not among those that [env] allow names"),
        ],
    )
    async def test_what_cannot_be_read_is_named(self, name: Any, rules: Any, error: Any, message: Any) -> None:
        """Never Runner's own, whatever [env] allow says; nothing outside of it."""
        with pytest.raises(error) as raised:
            await resolve(environment(**rules), name)

        assert message in str(raised.value)
        assert raised.value.name == name
        assert "canary" not in str(raised.value)

    def test_the_redactor_starts_with_every_secret_variable(self) -> None:
        """Those that no workflow may read too; Runner's own are its own affair."""
        assert environment(allow=()).secret_values() == {
            "DATABASE_URL": ("postgres://app:pw@db/x",),
            "API_TOKEN": ("canary-token",),
            "OTHER_PASSWORD": ("canary-other",),
        }

    def test_a_variable_does_not_print(self) -> None:
        """Its value is for the resolver."""
        assert repr(Variable("canary", is_secret=False)) == "Variable(****)"


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "value"),
        [
            (b"pass-word\n", "pass-word"),
            (b"pass-word", "pass-word"),
            (b"a\nb\n\n", "a\nb\n"),
            (b"", ""),
            (b"x\r\n", "x\r"),
        ],
    )
    async def test_a_file_gives_its_content_less_one_newline(self, content: Any, value: Any, tmp_path: Path) -> None:
        """And is secret whatever it is called."""
        (tmp_path / "f").write_bytes(content)

        assert await resolve(environment({"HOST_FILE": str(tmp_path / "f")}), "HOST") == Variable(value, is_secret=True)

    def test_the_redactor_starts_with_what_the_file_of_a_secret_holds(self, tmp_path: Path) -> None:
        """A run that goes on may get it back before anybody asks for it; a plain name's file is left alone."""
        (tmp_path / "f").write_text("canary-in-a-file\n")
        file = str(tmp_path / "f")
        env = environment(
            {"DB_PASSWORD_FILE": file, "HOST_FILE": file, "API_TOKEN_FILE": f"{file}-not", "RUNNERD_KEY_FILE": file}
        )

        found = env.secret_values()

        assert {name: values for name, values in found.items() if "canary-in-a-file" in values} == {
            "DB_PASSWORD": ("canary-in-a-file",)
        }

    async def test_it_is_read_anew_each_time(self, tmp_path: Path) -> None:
        """A mounted secret that is replaced counts for the next action."""
        path, env = tmp_path / "f", environment({"HOST_FILE": str(tmp_path / "f")})
        path.write_text("one")
        first = await resolve(env, "HOST")
        path.write_text("two")

        assert [first.value, (await resolve(env, "HOST")).value] == ["one", "two"]

    @pytest.mark.parametrize(("plain", "value"), [("plain", "plain"), ("", "from-file")])
    async def test_the_variable_itself_beats_its_file(self, plain: Any, value: Any, tmp_path: Path) -> None:
        """Unless it is empty, as compose files leave it."""
        (tmp_path / "f").write_text("from-file")

        assert (await resolve(environment({"HOST": plain, "HOST_FILE": str(tmp_path / "f")}), "HOST")).value == value

    async def test_the_path_itself_is_a_variable(self) -> None:
        """`$env.HOST_FILE` is what it says."""
        assert (await resolve(environment({"HOST_FILE": "/run/x"}), "HOST_FILE")).value == "/run/x"

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda path: None, "No such file or directory"),
            (lambda path: path.mkdir(), "directory"),
            (os.mkfifo, "expected a regular file"),
            (lambda path: path.write_bytes(b"canary\xff"), "expected UTF-8, found another byte at offset 6"),
            (lambda path: path.write_bytes(b"x" * 1_048_577), "expected at most 1048576 bytes"),
            (lambda path: path.symlink_to("/dev/zero"), "expected a regular file"),
        ],
    )
    async def test_a_file_that_cannot_be_used_is_said(self, make: Any, message: Any, tmp_path: Path) -> None:
        """With variable and path, without content, and without waiting."""
        make(tmp_path / "f")

        with pytest.raises(SecretError, match=f"^The file of HOST_FILE, {tmp_path}/f: .*{message}") as raised:
            await resolve(environment({"HOST_FILE": str(tmp_path / "f")}), "HOST")

        assert "canary" not in str(raised.value)

    async def test_allow_counts_for_the_name_and_not_for_its_file(self, tmp_path: Path) -> None:
        """Who may not read HOST reads no HOST_FILE either."""
        with pytest.raises(SecretRefusedError):
            await resolve(environment({"HOST_FILE": str(tmp_path)}, allow=("HOST_FILE",)), "HOST")
