"""`runner run` in its own process, where no daemon runs, and what it says of wrong use."""

import json
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.acceptance.conftest import RUNNER, Installation
from tests.conftest import OpenServer
from tests.services.http_server import answer

INPUTS = """
inputs:
  n: {type: integer}
  share: {type: number, default: 0.5}
  on: {type: boolean, default: false}
  tags: {type: array, default: []}
  body: {type: object, default: {}}
  name: {type: string, default: nobody}
actions:
  - {id: say, type: set, config: {n: $input.n, share: $input.share, on: $input.on, tags: $input.tags, body: $input.body, name: $input.name, of: $trigger.body}}
output: $action.say
"""

FAILING = "actions:\n  - {id: end, type: stop, config: {error: nothing to do}}\n"

QUEUEING = """
actions:
  - id: each
    type: workflow
    for_each: "{{ [1, 2, 3] }}"
    concurrency: 3
    config: {name: child, inputs: {n: $item}}
output: $action.each
"""

CHILD = """
concurrency: 1
inputs: {n: {type: integer}}
actions:
  - {id: rest, type: wait, config: {for: 50ms}}
output: "{{ $input.n * 10 }}"
"""


class TestWithoutDaemon:
    async def test_a_file_runs_with_inputs_of_every_type(self, installation: Installation, tmp_path: Path) -> None:
        """Each text is read by the declared type; @F is the content of a file; --trigger is what $trigger means."""
        file = tmp_path / "inputs.yaml"
        file.write_text(INPUTS)
        (tmp_path / "body.json").write_text('{"big": 123456789012345678901234567890}')
        (tmp_path / "trigger.json").write_text('{"body": {"from": "hand"}}')
        words = ["n=5", "share=1.25", "on=true", 'tags=["a", 1]', "body=@body.json", "name=@@ann"]
        pairs = [word for pair in words for word in ("--input", pair)]
        result = await installation.result(file, *pairs, "--trigger", "trigger.json")

        assert result["state"] == "succeeded", result
        assert result["output"] == {
            "n": 5,
            "share": 1.25,
            "on": True,
            "tags": ["a", 1],
            "body": {"big": 123456789012345678901234567890},
            "name": "@ann",
            "of": {"from": "hand"},
        }

    async def test_a_name_is_looked_up_in_the_folder(self, installation: Installation) -> None:
        """A person's output tells each action and the end; the run is in the list of runs afterwards."""
        installation.write("failing.yaml", FAILING)
        done = await installation.arun("run", "failing")
        listed = json.loads((await installation.arun("runs", "list", "--json", "--state", "failed", check=True)).stdout)

        out = done.stdout.decode().splitlines()
        assert done.returncode == 1
        assert out[0] == f"run {listed['run']} of failing accepted"
        assert out[-1].startswith(f"run {listed['run']} failed in ")
        assert done.stderr.decode() == "error at end: nothing to do\n"

    async def test_children_that_queue_behind_each_other_end(self, installation: Installation) -> None:
        """One at a time, in this process, without deadlock."""
        installation.write("parent.yaml", QUEUEING)
        installation.write("child.yaml", CHILD)

        assert (await installation.result("parent"))["output"] == [10, 20, 30]

    async def test_what_a_dead_daemon_left_is_not_touched(
        self, installation: Installation, http_server: OpenServer
    ) -> None:
        """The lock is taken, the other run stays as it was."""
        server = await http_server(answer({}))
        installation.write(
            "hang.yaml", "actions: [{id: rest, type: wait, config: {for: 1h}}, {id: b, type: set, config: 1}]"
        )
        installation.write("ping.yaml", f"actions: [{{id: a, type: http, config: {{url: '{server.origin}'}}}}]")
        with installation.daemon() as daemon:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(installation.arun, "run", "hang")
                while not (await installation.arun("runs", "list", "--json")).stdout:
                    await anyio.lowlevel.checkpoint()
                await anyio.to_thread.run_sync(daemon.stop, signal.SIGKILL)
        result = await installation.result("ping")
        listed = (await installation.arun("runs", "list", "--json", "--workflow", "hang")).stdout

        assert result["state"] == "succeeded"
        assert json.loads(listed)["state"] == "running"

    async def test_ctrl_c_cancels_the_run(self, installation: Installation) -> None:
        """The first one: the run ends as cancelled, and the exit status says that it did not succeed."""
        installation.write("hang.yaml", "actions: [{id: rest, type: wait, config: {for: 1h}}]")
        with anyio.fail_after(30):
            async with await anyio.open_process(
                [RUNNER, "run", "hang"], cwd=installation.folder, env=installation.environ, stderr=subprocess.STDOUT
            ) as process:
                assert process.stdout is not None
                said = b""
                while b"rest: waiting" not in said:
                    said += await process.stdout.receive()
                process.send_signal(signal.SIGINT)
                async for chunk in process.stdout:
                    said += chunk

        assert b" cancelled in " in said
        assert process.returncode == 1


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One that is good and one that is broken."""
    installation = Installation(tmp_path_factory.mktemp("two-files"))
    installation.write("inputs.yaml", INPUTS)
    installation.write("broken.yaml", "action: []\n")
    return installation


class TestWrongUse:
    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (["inputs", "--input", "n"], 2, "--input: expected NAME=VALUE, as in --input since=2026-01-01"),
            (["inputs", "--input", "n=1", "--input", "n=2"], 2, "--input n: it is given twice"),
            (["inputs", "--input", "n=five"], 1, "inputs: input 'n' wants an integer such as 5"),
            (["inputs", "-i", "n=1", "-i", "on=yes"], 1, "inputs: input 'on' wants true or false"),
            (["inputs", "-i", "n=1", "-i", "tags={}"], 1, "inputs: input 'tags' wants a JSON list such as [1, 2]"),
            (["inputs", "-i", "n=@none.txt"], 2, "--input n: none.txt cannot be read: No such file or directory"),
            (["inputs", "--trigger", "config.toml"], 2, "--trigger: config.toml is not JSON"),
            (
                ["inputs", "--trigger", "odd.json"],
                2,
                "--trigger: odd.json: $trigger has no 'boddy'; did you mean body?",
            ),
            (["none.yaml"], 2, "FILE: none.yaml cannot be read: No such file or directory"),
            (["input"], 1, "there is no workflow 'input'; did you mean inputs?"),
            (["broken"], 1, "broken: its file broken.yaml is broken: `runner workflows list` tells why"),
            (["workflows/broken.yaml"], 1, "workflows/broken.yaml:1:1: "),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_it_is_one_sentence(self, two_files: Installation, words: list[str], status: int, message: str) -> None:
        """It says what, where and what was expected, and no run is made."""
        (two_files.folder / "odd.json").write_text('{"boddy": 1}')
        done = two_files.run("run", *words, "--json")

        assert (done.returncode, done.stdout) == (status, b"")
        assert done.stderr.decode().removeprefix("runner: ").startswith(message)
        assert b"Traceback" not in done.stderr
