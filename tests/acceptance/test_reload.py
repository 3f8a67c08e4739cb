"""A folder that changes under a running daemon: broken files, half-written files, files that go away."""

from collections.abc import Iterator

import anyio
import pytest

from tests.acceptance.conftest import Daemon, Installation

GOOD = "actions:\n  - {id: say, type: set, config: %s}\noutput: $action.say\n"
BAD = "actions:\n  - {id: say, type: sett, config: 1}\n"


@pytest.fixture
def daemon(installation: Installation) -> Iterator[Daemon]:
    """A daemon over two good files."""
    installation.write("changing.yaml", GOOD % "first")
    installation.write("neighbour.yaml", GOOD % "neighbour")
    with installation.daemon() as daemon:
        yield daemon


async def reloaded(daemon: Daemon, times: int = 1) -> None:
    """Once the daemon says so for the `times`-th time."""
    await anyio.to_thread.run_sync(lambda: daemon.wait_for("workflows reloaded", times=times))


async def test_a_broken_file_keeps_its_last_good_version(installation: Installation, daemon: Daemon) -> None:
    """The old version and the neighbour go on, the log names line and column once, `workflows list` shows it on top."""
    installation.write("changing.yaml", BAD)
    await reloaded(daemon)
    listed = await installation.arun("workflows", "list")
    changing, neighbour = await installation.result("changing"), await installation.result("neighbour")

    assert (changing["output"], neighbour["output"]) == ("first", "neighbour")
    told = [line["error"] for line in daemon.lines if line["event"] == "workflow file"]
    assert len(told) == 1
    assert told[0].startswith("changing.yaml:2:21: actions[0].type: unknown type 'sett'; did you mean set?")
    assert listed.stdout.decode().splitlines()[0] == "broken changing.yaml; changing goes on as it was before"


async def test_a_good_file_replaces_what_was_broken(installation: Installation, daemon: Daemon) -> None:
    """No restart in between."""
    installation.write("changing.yaml", BAD)
    await reloaded(daemon)
    installation.write("changing.yaml", GOOD % "second")
    await reloaded(daemon, 2)

    assert (await installation.result("changing"))["output"] == "second"


async def test_the_last_good_version_survives_a_restart(installation: Installation, daemon: Daemon) -> None:
    """The file is broken before the daemon stops and still is when it starts again."""
    installation.write("changing.yaml", BAD)
    await reloaded(daemon)
    daemon.stop()

    with installation.daemon() as second:
        assert (await installation.result("changing"))["output"] == "first"
        assert second.wait_for("ready")["broken"] == 1


async def test_a_file_that_is_being_written_replaces_nothing(installation: Installation, daemon: Daemon) -> None:
    """Its first half is valid YAML of its own; only the whole is ever loaded."""
    path = installation.folder / "workflows" / "changing.yaml"
    whole = GOOD % "whole" + "description: the end\n"
    with path.open("w") as file:
        for character in whole:
            file.write(character)
            file.flush()
            await anyio.sleep(0.005)
    await reloaded(daemon)

    assert (await installation.result("changing"))["output"] == "whole"
    assert [line for line in daemon.lines if line["event"] == "workflow file"] == []
    assert len([line for line in daemon.lines if line["event"] == "workflows reloaded"]) == 1


async def test_a_file_that_goes_away_takes_its_workflow_with_it(installation: Installation, daemon: Daemon) -> None:
    """A run of it is refused by name."""
    (installation.folder / "workflows" / "changing.yaml").unlink()
    await reloaded(daemon)
    done = await installation.arun("run", "changing")

    assert (done.returncode, done.stderr) == (1, b"runner: there is no workflow 'changing'\n")
