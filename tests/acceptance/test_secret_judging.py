"""What is wrong with the secrets that files name is said of each file, with a daemon and without one."""

import json

import pytest

from tests.acceptance.conftest import Installation

NAMING = """
inputs: {host: {type: string, default: "127.0.0.1:9"}}
actions:
  - {id: gone, type: set, config: $secret.GONE}
  - {id: kept, type: set, config: $secret.KEPT}
  - id: open
    type: http
    config: {url: "http://$input.host/", headers: {X-Key: $secret.FREE}}
"""

PROBLEMS = [
    (4, "there is no secret GONE: set it with `runner secrets set GONE`"),
    (5, "the secret KEPT may not be used by this workflow (allowed_workflows)"),
    (8, "the secret FREE has no allowed_hosts"),
]

STRICT = {"RUNNERD_DASHBOARD_STRICT_HOSTS": "true"}


def prepared(installation: Installation) -> None:
    """The secrets, and no file in the folder yet."""
    installation.set_secret("KEPT", "canary-judging-kept")
    installation.run("secrets", "policy", "KEPT", "--allowed-workflow", "other", check=True)
    installation.set_secret("FREE", "canary-judging-free")


def told(lines: bytes) -> list[tuple[int, str]]:
    """Line and the beginning of the message of each problem."""
    found = [json.loads(line) for line in lines.splitlines()]
    return [(each["line"], each["message"][: len(message)]) for each, (_, message) in zip(found, PROBLEMS, strict=True)]


@pytest.mark.parametrize("place", [[], ["workflows/flow.yaml"]], ids=["folder", "file"])
def test_validate_asks_the_vault(installation: Installation, place: list[str]) -> None:
    """Of a folder and of a file: warnings, and an error for an open host where that is strict; never a value."""
    prepared(installation)
    installation.write("flow.yaml", NAMING)

    done = installation.run("validate", *place, "--json")
    assert (done.returncode, told(done.stdout)) == (0, PROBLEMS)
    assert all(json.loads(line)["file"].endswith("workflows/flow.yaml") for line in done.stdout.splitlines())
    strict = installation.run("validate", *place, environ=STRICT)
    assert strict.returncode == 1
    assert strict.stdout.decode().count("(warning)") == 2


def test_validate_makes_no_vault_and_says_why_it_asked_none(installation: Installation) -> None:
    """A vault that is not there yet has no secrets, and stays away; without a key or with a wrong one a line says so."""
    installation.write("flow.yaml", "actions: [{id: a, type: set, config: $secret.GONE}]")
    vault = installation.folder / "data" / "runner.db"
    vault.unlink(missing_ok=True)
    assert b"there is no secret GONE" in installation.run("validate", check=True).stdout
    assert not vault.exists()

    (installation.folder / "config.toml").write_text("")
    without = installation.run("validate", check=True)
    assert b"GONE" not in without.stdout
    assert without.stderr.splitlines()[0].startswith(
        b"runner: the secrets that are named were not checked: there is no"
    )
    assert not vault.exists()
    installation.write("flow.yaml", "actions: [{id: a, type: set, config: 1}]")
    assert installation.run("validate", check=True).stderr == b"1 file checked, 0 errors\n"


def test_a_wrong_key_is_one_line(installation: Installation) -> None:
    """The files are checked all the same."""
    prepared(installation)
    installation.write("flow.yaml", NAMING)
    done = installation.run("validate", environ={"RUNNERD_DASHBOARD_MASTER_KEY": "another key than the vault's"})

    assert done.returncode == 0
    assert done.stdout == b""
    assert [line.split(b":")[1] for line in done.stderr.splitlines()[:-1]] == [
        b" the secrets that are named were not checked"
    ]


@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "daemon"])
async def test_a_file_is_judged_before_it_runs(installation: Installation, *, is_alone: bool) -> None:
    """As one of the folder is: warned of what is missing by now, refused for an open host where that is strict."""
    prepared(installation)
    outside = installation.folder / "outside.yaml"
    outside.write_text(NAMING)

    async def run(environ: dict[str, str]) -> tuple[int, str]:
        done = await installation.arun("run", "outside.yaml", "--json", environ=environ)
        return done.returncode, done.stderr.decode()

    if is_alone:
        status, warned = await run({})
        refused = await run(STRICT)
    else:
        with installation.daemon(environ=STRICT):
            refused = await run({})
        with installation.daemon():
            status, warned = await run({})

    assert status == 1
    assert [message in warned for _, message in PROBLEMS] == [True] * 3
    assert refused[0] == 1
    assert "outside.yaml:8" in refused[1]
    assert "has no allowed_hosts" in refused[1]
    assert installation.run("runs", "list", "--json").stdout.count(b"\n") == 1


async def test_a_file_that_is_run_leaves_the_catalog_as_it_was_judged(installation: Installation) -> None:
    """A secret that was just set is known to the next file; what is wrong in the folder stays shown."""
    prepared(installation)
    installation.write("flow.yaml", NAMING)
    (installation.folder / "outside.yaml").write_text("actions: [{id: a, type: set, config: $secret.LATE}]")
    with installation.daemon():
        before = await installation.arun("run", "outside.yaml")
        installation.set_secret("LATE", "canary-judging-late")
        after = await installation.arun("run", "outside.yaml", check=True)
        shown = await installation.arun("workflows", "show", "flow", "--json", check=True)
    alone = await installation.arun("workflows", "show", "flow", "--json", check=True)

    assert b"there is no secret LATE" in before.stderr
    assert b"warning" not in after.stderr
    for document in (shown, alone):
        problems = json.loads(document.stdout)["problems"]
        assert [each["line"] for each in problems] == [line for line, _ in PROBLEMS]
