"""The master key is rotated as a person does it: with a daemon and without, in the config and by hand, half done."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.acceptance import killed_rotation
from tests.acceptance.conftest import RUNNER, Installation

WORKFLOW = """
actions:
  - {id: a, type: set, config: "{{ $secret.API_KEY | length }}"}
output: $action.a
"""


def key_in(installation: Installation, name: str = "master_key") -> str:
    found = re.search(rf'^{name} = "(.*)"$', (installation.folder / "config.toml").read_text(), re.MULTILINE)
    return found[1] if found else ""


def put(installation: Installation, name: str, key: str) -> None:
    path = installation.folder / "config.toml"
    path.write_text(re.sub(rf"^{name} = .*$", f'{name} = "{key}"', path.read_text(), flags=re.MULTILINE))


class TestVerificationKey:
    def test_init_shows_it_once_and_it_verifies_every_row(self, tmp_path: Path) -> None:
        """It lies in no file that init made; with it every MAC is checked, with another one each is wrong."""
        shown = []
        for name in ("one", "other"):
            done = subprocess.run([RUNNER, "init", name], cwd=tmp_path, capture_output=True, text=True, check=True)
            shown.append(re.findall(r"runner-audit-1-\S+", done.stdout))
            (tmp_path / f"{name}.key").write_text(shown[-1][0])
        files = [path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file()]

        said = [
            subprocess.run(
                [RUNNER, "secrets", "audit", "--verify", "--key-file", tmp_path / f"{name}.key"],
                cwd=tmp_path / "one",
                capture_output=True,
                text=True,
                check=False,
            )
            for name in ("one", "other")
        ]

        assert [len(each) for each in shown] == [1, 1]
        assert not [data for data in files if shown[0][0].encode() in data]
        assert [each.returncode for each in said] == [0, 1]
        assert said[0].stdout.startswith("the audit log is whole: 2 rows, 2 MACs\nhead 2:")
        assert said[1].stdout.startswith("audit log: row 1 was not written by the vault\n")


class TestRotateMasterKey:
    def test_with_write_the_config_holds_the_new_key(self, installation: Installation) -> None:
        """The old one stands nowhere any more; the file stays private; the audit log tells of it and is whole."""
        installation.set_secret("API_KEY", "canary-value-1")
        old = key_in(installation)

        installation.run("secrets", "rotate-master-key", "--write", check=True)

        assert key_in(installation) not in {"", old}
        assert not key_in(installation, "master_key_previous")
        assert (installation.folder / "config.toml").stat().st_mode & 0o777 == 0o600
        rows = installation.run("secrets", "audit", "--json", check=True).stdout.splitlines()
        assert [json.loads(row)["action"] for row in rows] == ["make", "audit_key", "set", "rotate"]
        assert b"the audit log is whole: 4 rows" in installation.run("secrets", "audit", "--verify", check=True).stdout
        assert old.encode() not in installation.said
        assert key_in(installation).encode() not in installation.said

    async def test_a_running_daemon_goes_on_with_the_new_key(self, installation: Installation) -> None:
        """No restart; the key that was shown is in no log; afterwards the old one is refused in one sentence."""
        installation.set_secret("API_KEY", "canary-value-1")
        installation.write("w.yaml", WORKFLOW)
        with installation.daemon() as daemon:
            done = await installation.arun("secrets", "rotate-master-key", check=True)
            shown = re.search(rb"runner-key-1-\S+", done.stdout)
            assert shown is not None
            assert (await installation.result("w"))["output"] == 14
            refused = await installation.arun("secrets", "list")
            put(installation, "master_key", shown[0].decode())
            assert b"API_KEY" in (await installation.arun("secrets", "list", check=True)).stdout
            assert daemon.stop() == 0
            assert shown[0] not in daemon.raw

        assert refused.returncode == 1
        assert refused.stderr.count(b"\n") == 1
        assert b"was rotated on" in refused.stderr
        assert b"config.toml:" in done.stdout
        with installation.daemon():
            assert (await installation.result("w"))["output"] == 14

    async def test_a_rotation_that_was_cut_off_can_be_ended(self, installation: Installation) -> None:
        """Both keys stand in the config, the vault is under the old one: the daemon starts and says what to do."""
        installation.set_secret("API_KEY", "canary-value-1")
        installation.write("w.yaml", WORKFLOW)
        old = key_in(installation)
        new = "a passphrase of some other kind"
        put(installation, "master_key", f'{new}"\nmaster_key_previous = "{old}')

        with installation.daemon() as daemon:
            assert b"still under dashboard.master_key_previous" in daemon.raw
            assert (await installation.result("w"))["output"] == 14
            await installation.arun("secrets", "rotate-master-key", "--write", check=True)
            assert (await installation.result("w"))["output"] == 14

        assert (key_in(installation), key_in(installation, "master_key_previous")) == (new, "")
        with installation.daemon() as daemon:
            assert (await installation.result("w"))["output"] == 14
            assert b"master_key_previous" not in daemon.raw

    def test_a_key_file_is_exchanged_whole(self, installation: Installation, tmp_path: Path) -> None:
        """Beside it no old one is left; what is there already is never overwritten."""
        file = tmp_path / "key"
        file.write_text(key_in(installation) + "\n")
        file.chmod(0o600)
        config = installation.folder / "config.toml"
        config.write_text(
            re.sub(r"^master_key = .*$", f'master_key_file = "{file}"', config.read_text(), flags=re.MULTILINE)
        )
        installation.set_secret("API_KEY", "canary-value-1")
        before = file.read_text()

        taken = installation.run("secrets", "rotate-master-key", "--key-file", file)
        installation.run("secrets", "rotate-master-key", "--write", check=True)

        assert taken.returncode == 2
        assert file.read_text() != before
        assert file.stat().st_mode & 0o777 == 0o600
        assert not (tmp_path / "key.previous").exists()
        assert b"API_KEY" in installation.run("secrets", "list", check=True).stdout

        (tmp_path / "key.previous").write_text(file.read_text())
        file.write_text("a passphrase that the vault does not know yet\n")
        assert b"API_KEY" in installation.run("secrets", "list", check=True).stdout

    def test_what_cannot_be_written_is_named(self, installation: Installation) -> None:
        """A key from a variable; the same key again; a key that is none."""
        installation.set_secret("API_KEY", "canary-value-1")
        key = key_in(installation)
        same = installation.folder / "same"
        same.write_text(key)
        variable = {"RUNNERD_DASHBOARD_MASTER_KEY": key}

        done = installation.run("secrets", "rotate-master-key", "--write", environ=variable)
        again = installation.run("secrets", "rotate-master-key", "--new-key-file", same)

        assert (done.returncode, again.returncode) == (2, 2)
        assert b"RUNNERD_DASHBOARD_MASTER_KEY" in done.stderr
        assert b"expected another one" in again.stderr
        assert b"API_KEY" in installation.run("secrets", "list", check=True).stdout

    @pytest.mark.parametrize("place", ["config.toml", "key"])
    def test_a_kill_before_each_of_its_writes_leaves_a_config_that_opens_the_vault(
        self, installation: Installation, place: str
    ) -> None:
        """By the new key or the old one; every file is whole; asked again, it ends and leaves no file behind."""
        installation.set_secret("API_KEY", "canary-value-1")
        if place == "key":
            (installation.folder / "key").write_text(key_in(installation) + "\n")
            (installation.folder / "key").chmod(0o600)
            config = installation.folder / "config.toml"
            config.write_text(
                re.sub(r"^master_key = .*$", 'master_key_file = "./key"', config.read_text(), flags=re.MULTILINE)
            )
        names = {path.name for path in installation.folder.iterdir() if path.is_file()}

        program = [sys.executable, killed_rotation.__file__, str(installation.folder)]
        done = subprocess.run(program, env=installation.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        kills = [json.loads(line) for line in done.stdout.splitlines()]

        assert {kill["step"].partition(" ")[0] for kill in kills} >= {"open", "fsync", "os.rename"}
        assert len(kills) >= 10
        for kill in kills:
            assert kill["opens"], kill["step"]
            assert kill["files_again"].keys() == names, kill["step"]
            assert "master_key_previous = " not in re.sub("(?m)^#.*$", "", kill["files_again"]["config.toml"])
            tomllib.loads(kill["files"]["config.toml"])
            for name in kill["files"].keys() & {"key", "key.previous"}:
                assert re.fullmatch(r"runner-key-1-\w+\n", kill["files"][name]), (kill["step"], name)
