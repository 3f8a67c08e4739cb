"""Every command there is: its help, its JSON, what it prints for a person, what it makes on disk."""

import json
import re
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from runner.cli import main
from tests.acceptance.conftest import RUNNER, Installation

WORKFLOW = """
description: Says hello.
inputs: {who: {type: string, default: world}}
triggers:
  - {type: schedule, config: {cron: "0 9 * * *", timezone: Europe/Paris}}
actions:
  - {id: each, type: set, for_each: "{{ [1, 2] }}", config: $item}
  - {id: skipped, type: set, if: "false", config: 1}
output: "hello {{ $input.who }}"
"""


def every_command(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups included."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from every_command(child, (*words, name))


def lines(done: "subprocess.CompletedProcess[bytes]") -> list[Any]:
    """A JSON document a line."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class TestEveryCommand:
    @pytest.mark.parametrize("words", list(every_command(main)), ids=" ".join)
    def test_it_tells_what_it_does(self, words: tuple[str, ...], tmp_path: Path) -> None:
        """--help answers in any folder, exit status 0, with a sentence."""
        done = subprocess.run([RUNNER, *words, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: runner {' '.join(words)}".rstrip())
        assert done.stdout.count("\n") > 4

    def test_an_unknown_command_is_wrong_use(self, tmp_path: Path) -> None:
        """Exit status 2."""
        assert subprocess.run([RUNNER, "strat"], cwd=tmp_path, capture_output=True, check=False).returncode == 2

    def test_help_and_secrets_load_no_web_stack(self) -> None:
        """What they import holds neither a server nor a driver nor the engine."""
        for words in ("--help", "secrets --help"):
            code = f"import sys; from runner.cli import main\ntry: main({words.split()!r})\nfinally: print(*sys.modules, file=sys.stderr)"
            done = subprocess.run([RUNNER.with_name("python"), "-c", code], capture_output=True, text=True, check=False)
            loaded = set(done.stderr.split())
            assert "click" in loaded
            assert not loaded & {
                "starlette",
                "uvicorn",
                "httpx",
                "aiohttp",
                "asyncpg",
                "jinja2",
                "rich",
                "runner.engine.run",
            }


class TestLists:
    def test_with_json_every_list_is_an_object_a_line(self, installation: Installation) -> None:
        """The same documents from a daemon and without one."""
        installation.write("hello.yaml", WORKFLOW)
        installation.write("broken.yaml", "action: []\n")
        installation.set_secret("API_KEY", "some-secret-value")
        installation.run("run", "hello", check=True)
        commands = [
            ("workflows", "list"),
            ("workflows", "show", "hello"),
            ("runs", "list"),
            ("secrets", "list"),
            ("config",),
        ]
        alone = [lines(installation.run(*words, "--json")) for words in commands]
        with installation.daemon():
            served = [lines(installation.run(*words, "--json")) for words in commands]

        assert alone == served
        assert [(each["name"], each["state"]) for each in alone[0]] == [("broken", "broken"), ("hello", "ok")]
        (trigger,) = alone[1][0]["triggers"]
        assert trigger.items() >= {"type": "schedule", "cron": "0 9 * * *", "timezone": "Europe/Paris"}.items()
        assert len(trigger["next"]) == 5
        assert (alone[2][0]["state"], alone[2][0]["output"]) == ("succeeded", "hello world")
        assert {"name", "version", "allowed_hosts", "allowed_workflows", "due"} <= alone[3][0].keys()
        assert "some-secret-value" not in str(alone[3][0])
        assert {"key": "dashboard.master_key", "value": '"****"', "origin": "config.toml"} in alone[4]

    def test_one_run_is_shown_by_the_start_of_its_id(self, installation: Installation) -> None:
        """Each action with its state; items below their action; what was skipped says so."""
        installation.write("hello.yaml", WORKFLOW)
        run = lines(installation.run("run", "hello", "--json"))[0]["run"]
        shown = lines(installation.run("runs", "show", run[:20], "--json"))[0]
        told = installation.run("runs", "show", run).stdout.decode()
        unknown = installation.run("runs", "show", "zzzzzzzz")

        places = [(each["place"], each["state"]) for each in shown["actions"]]
        assert places == [(each, "succeeded") for each in ("each", "each[0]", "each[1]")] + [("skipped", "skipped")]
        assert shown["inputs"] == {"who": "world"}
        assert re.search(r"^each +succeeded .* 2 succeeded$", told, re.MULTILINE)
        assert unknown.returncode == 1
        assert unknown.stderr.startswith(b"runner: there is no run 'zzzzzzzz'")

    def test_nothing_there_says_what_to_do(self, installation: Installation) -> None:
        """Three empty lists, three next commands."""
        said = [installation.run(*words, "list").stdout.decode() for words in (["runs"], ["secrets"], ["workflows"])]

        assert said[0] == "no runs: runner run NAME\n"
        assert said[1] == "no secrets yet: runner secrets set NAME\n"
        assert "put a .yaml file there" in said[2]

    def test_a_wrong_state_is_wrong_use(self, installation: Installation) -> None:
        """The message names those there are."""
        done = installation.run("runs", "list", "--state", "done")

        assert (done.returncode, done.stderr.decode()) == (
            2,
            "runner: state: expected one of queued, running, succeeded, failed, cancelled or waiting, found 'done'\n",
        )


class TestInit:
    def test_it_makes_a_folder_ready(self, tmp_path: Path) -> None:
        """A private config.toml, an example that loads, a .gitignore that names the key; the next command is said."""
        folder = tmp_path / "new"
        done = subprocess.run([RUNNER, "init", folder], cwd=tmp_path, capture_output=True, text=True, check=True)
        checked = subprocess.run([RUNNER, "validate"], cwd=folder, capture_output=True, text=True, check=False)

        assert stat.S_IMODE((folder / "config.toml").stat().st_mode) == 0o600
        assert 'master_key = "runner-key-1-' in (folder / "config.toml").read_text()
        assert "config.toml" in (folder / ".gitignore").read_text().splitlines()
        assert "runner start" in done.stdout
        assert (checked.returncode, checked.stderr) == (0, "1 file checked, 0 errors\n")

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        """Called again it keeps each file as it was, and two folders have two keys."""
        contents = []
        for folder in ("one", "one", "two"):
            subprocess.run([RUNNER, "init", folder], cwd=tmp_path, capture_output=True, check=True)
            contents.append((tmp_path / folder / "config.toml").read_text())

        assert contents[0] == contents[1] != contents[2]


class TestSecrets:
    @pytest.mark.parametrize("source", ["value.txt", "-", None])
    def test_one_newline_at_the_end_is_not_part_of_the_value(
        self, installation: Installation, source: str | None
    ) -> None:
        """Of a file and of standard input alike, however it is named; the value is printed nowhere."""
        value = "line one\nline two"
        file = installation.folder / "value.txt"
        file.write_text(f"{value}\n")
        given = ("-",) if source is None else ("--value-file", source)
        installation.run("secrets", "set", "A_KEY", *given, stdin=f"{value}\n".encode(), check=True)
        installation.write(
            "length.yaml", "actions: [{id: a, type: set, config: '{{ $secret.A_KEY | length }}'}]\noutput: $action.a"
        )
        result = lines(installation.run("run", "length", "--json"))[0]

        assert result["output"] == len(value)
        assert installation.leaks(value) == []

    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (["set", "A_KEY", "hunter2-as-argument"], 2, "a value is never an argument"),
            (["set", "A_KEY"], 2, "there is no terminal to ask for the value"),
            (["set", "A-KEY", "--value-file", "config.toml"], 1, ""),
            (["show", "NOPE"], 1, "There is no secret NOPE."),
            (["delete", "NOPE", "--yes"], 1, "There is no secret NOPE."),
        ],
    )
    def test_wrong_use_is_one_sentence(
        self, installation: Installation, words: list[str], status: int, message: str
    ) -> None:
        """No value is repeated."""
        done = installation.run("secrets", *words)

        assert done.returncode == status
        assert done.stderr.decode().startswith(f"runner: {message}")
        assert b"hunter2" not in done.stderr

    def test_a_deleted_secret_is_gone(self, installation: Installation) -> None:
        """From the list and, byte for byte, from the files."""
        installation.set_secret("A_KEY", "some-secret-value")
        installation.run("secrets", "delete", "A_KEY", "--yes", check=True)

        assert installation.run("secrets", "list", "--json").stdout == b""

    def test_without_a_master_key_there_is_no_vault(self, installation: Installation) -> None:
        """Everything else works: the daemon starts, and seals under a key of its own."""
        for path in (installation.folder / "data").iterdir():
            path.unlink()  # the vault that `init` made: one that is there is never left closed
        config = installation.folder / "config.toml"
        config.write_text("\n".join(line for line in config.read_text().splitlines() if "master_key" not in line))
        done = installation.run("secrets", "list")
        installation.write("one.yaml", "actions: [{id: a, type: set, config: 1}]")
        with installation.daemon():
            assert installation.run("run", "one").returncode == 0

        assert (done.returncode, b"there is no vault, since no master key is set" in done.stderr) == (1, True)
        assert stat.S_IMODE((installation.folder / "data" / "runner.key").stat().st_mode) == 0o600


class TestValidate:
    def test_every_error_of_every_file_with_its_place(self, installation: Installation) -> None:
        """Two files, three errors, as editors link them; a file that is named alone is checked alone."""
        installation.write("a.yaml", "action: []\nactions: [{id: x, type: sett, config: 1}]\n")
        installation.write("b.yaml", "actions: [{id: x, type: workflow, config: {name: nowhere}}]\n")
        both = installation.run("validate")
        alone = installation.run("validate", "workflows/b.yaml")
        documents = [json.loads(line) for line in installation.run("validate", "--json").stdout.splitlines()]

        told = both.stdout.decode().splitlines()
        folder = installation.folder / "workflows"
        assert both.returncode == 1
        assert [line.split(": ")[0] for line in told] == [
            f"{folder}/a.yaml:1:1",
            f"{folder}/a.yaml:2:25",
            f"{folder}/b.yaml:1:50",
        ]
        assert both.stderr == b"2 files checked, 3 errors\n"
        assert [document["line"] for document in documents] == [1, 2, 1]
        assert alone.returncode == 0

    def test_a_path_that_is_not_there_is_wrong_use(self, installation: Installation) -> None:
        """Exit status 2."""
        assert installation.run("validate", "nowhere.yaml").returncode == 2


def test_the_schema_is_json_schema(installation: Installation) -> None:
    """It knows the action types."""
    schema = json.loads(installation.run("schema", check=True).stdout)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "sql" in json.dumps(schema)


def test_health_on_both_ports(installation: Installation) -> None:
    """/healthz and /readyz answer on 8080's and, with --dashboard, on 3000's port to everybody, and nothing else does."""
    with installation.daemon("--dashboard") as daemon:
        ready = daemon.wait_for("ready")
        for port in (ready["port"], ready["dashboard_port"]):
            for path, body in (("healthz", {"status": "ok", "version": "0.1.0"}), ("readyz", {"status": "ready"})):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
                    assert json.load(answer) == body
            with pytest.raises(urllib.error.HTTPError) as missing:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/nothing")
            assert missing.value.headers["content-type"] == "application/problem+json"
            missing.value.close()


def test_help_answers_at_once(tmp_path: Path) -> None:
    """The fastest of five; a shell's completion waits for it. The bar on a quiet machine is 150 ms."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([RUNNER, "--help"], cwd=tmp_path, capture_output=True, check=True)
        took.append(time.monotonic() - began)

    assert min(took) < 0.5
