"""The watched folder: files written in pieces, links, swaps, permissions, with the time in the test's hand."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.clock import SystemClock
from runner.definitions.catalog import EMPTY, Catalog
from runner.definitions.stillness import STILL
from runner.definitions.watch import COMPARE, Watcher, watch
from runner.testing import FakeClock
from tests.unit.definitions.models import specs

SPECS = specs()
GOOD = "actions: [{id: a, type: set, config: %s}]\n"
LONG = """\
# state one, all of whose beginnings are looked at
name: a
description: >-
  pulls what is new
inputs: {n: {type: integer, default: 1}}
actions:
  - id: a
    type: set
    config: 2
  - {id: b, type: work, if: $input.n > 0, config: {url: "https://a.test/$input.n", tags: [a, b]}}
output: {a: $action.a}
"""


class Folder:
    """A folder, its watcher and a clock: `settle` lets everything come to rest."""

    def __init__(self, path: Path, previous: Catalog = EMPTY) -> None:
        self.path = path
        self.clock = FakeClock(wall=4e9)
        self.watcher = Watcher(path, SPECS, self.clock, previous)

    async def look(self, after: float = 0.0) -> Catalog | None:
        """Look once, so much later."""
        await self.clock.advance(after)
        catalog, _ = await self.watcher.look()
        return catalog

    async def settle(self) -> Catalog:
        """The catalog once nothing has moved for long enough."""
        await self.look()
        await self.look(STILL)
        return self.watcher.catalog

    @property
    def values(self) -> dict[str, Any]:
        """What the first action of each workflow is set to."""
        return {name: entry.workflow.body.actions[0].config for name, entry in self.watcher.catalog.entries.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with one good file that has counted."""
    (tmp_path / "a.yaml").write_text(GOOD % 1)
    return Folder(tmp_path)


class TestStart:
    async def test_a_file_that_was_written_just_now_is_in_the_first_catalog(self, tmp_path: Path) -> None:
        """Whoever writes a file and starts at once means that file too; it rests in the meantime."""
        (tmp_path / "a.yaml").write_text(GOOD % 1)
        async with watch(tmp_path, SPECS, SystemClock()) as catalogs:
            first = await catalogs.receive()

        assert first.entries.keys() == {"a"}


class TestPieces:
    async def test_a_good_file_cut_at_each_of_its_bytes_never_replaces_the_good_one(self, folder: Folder) -> None:
        """It is written byte by byte, a look at each; the old version is in force until the last byte has rested."""
        await folder.settle()
        data = LONG.encode()
        with (folder.path / "a.yaml").open("wb", buffering=0) as file:
            for position in range(len(data)):
                file.write(data[position : position + 1])
                os.utime(file.fileno(), ns=(position, position))
                assert await folder.look(STILL - 0.01) is None
                assert folder.values == {"a": 1}

        assert (await folder.settle()).broken == ()
        assert folder.values == {"a": 2}

    async def test_a_writer_that_pauses_on_a_broken_beginning_keeps_the_good_one(self, folder: Folder) -> None:
        """What rests counts: wrong, it is told and the last good version goes on, at each length."""
        await folder.settle()
        for position in range(1, len(LONG), 7):
            (folder.path / "a.yaml").write_text(LONG[:position])
            catalog = await folder.settle()
            assert "a" in catalog.entries
            assert folder.values["a"] in (1, 2)

    async def test_a_change_while_it_is_read_is_seen_again(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bytes of two versions are never one file."""
        await folder.settle()
        (folder.path / "a.yaml").write_text(GOOD % 2)
        await folder.look()
        fstat = os.fstat

        def change_then_fstat(descriptor: int) -> os.stat_result:
            (folder.path / "a.yaml").write_text(GOOD % 33)
            return fstat(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", change_then_fstat)
            assert await folder.look(STILL) is None

        await folder.settle()
        assert folder.values == {"a": 33}


class TestFolder:
    async def test_only_workflow_files_of_the_folder_itself_count(self, folder: Folder) -> None:
        """No hidden file, no editor's leftover, no folder below, nothing that is no regular file."""
        for name in (".hidden.yaml", "a.yaml~", "a.yaml.swp", "notes.txt"):
            (folder.path / name).write_text(GOOD % 9)
        (folder.path / "below.yaml").mkdir()
        (folder.path / "below.yaml" / "c.yaml").write_text(GOOD % 9)
        (folder.path / "b.yml").write_text(GOOD % 2)
        os.mkfifo(folder.path / "pipe.yaml")

        catalog = await folder.settle()

        assert folder.values == {"a": 1, "b": 2}
        assert [broken.file for broken in catalog.broken] == ["pipe.yaml"]
        assert "no regular file" in catalog.broken[0].problems[0].message

    async def test_a_link_that_leaves_the_folder_is_not_followed(self, folder: Folder, tmp_path_factory: Any) -> None:
        """It is told instead; one that leads nowhere too, and neither shows what lies outside."""
        outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
        outside.write_text(GOOD % 7)
        (folder.path / "out.yaml").symlink_to(outside)
        (folder.path / "dead.yaml").symlink_to("nowhere.yaml")

        catalog = await folder.settle()

        assert folder.values == {"a": 1}
        assert [str(problem) for problem in catalog.problems] == [
            "dead.yaml:1:1: the file cannot be read (ENOENT)",
            "out.yaml:1:1: this link leaves the workflows folder and is not followed",
        ]

    async def test_a_mounted_configmap_is_swapped_as_one(self, tmp_path: Path) -> None:
        """`..data` leads to the current version; exchanging it changes every file at once."""
        for version in (1, 2):
            (tmp_path / f"..v{version}").mkdir()
            for name in ("a.yaml", "b.yaml"):
                (tmp_path / f"..v{version}" / name).write_text(GOOD % version)
        (tmp_path / "..data").symlink_to("..v1")
        for name in ("a.yaml", "b.yaml"):
            (tmp_path / name).symlink_to(f"..data/{name}")
        folder = Folder(tmp_path)
        await folder.settle()
        assert folder.values == {"a": 1, "b": 1}

        (tmp_path / "..new").symlink_to("..v2")
        (tmp_path / "..new").rename(tmp_path / "..data")
        await folder.settle()

        assert folder.values == {"a": 2, "b": 2}

    async def test_a_folder_that_is_gone_leaves_everything_in_force(self, folder: Folder) -> None:
        """An unmounted volume is no order to stop; it is told once and forgotten when the folder is back."""
        await folder.settle()
        moved = folder.path.with_name("moved")
        folder.path.rename(moved)

        lost = await folder.look(COMPARE)
        again = await folder.look(COMPARE)
        moved.rename(folder.path)
        back = await folder.look(COMPARE)

        assert lost is not None
        assert "cannot be read (FileNotFoundError): what was loaded stays in force" in str(lost.problems[0])
        assert list(lost.entries) == ["a"]
        assert again is None
        assert back is not None
        assert (list(back.entries), back.problems) == (["a"], ())

    async def test_what_touches_a_file_without_changing_it_gives_no_new_catalog(self, folder: Folder) -> None:
        """Nobody is told of a reload that is none."""
        await folder.settle()
        os.utime(folder.path / "a.yaml")

        assert await folder.look() is None
        assert await folder.look(STILL) is None

    async def test_a_start_keeps_what_an_earlier_process_had_while_files_move(self, folder: Folder) -> None:
        """A file that is just being written at the start has its last good version in force."""
        kept = Catalog.decode((await folder.settle()).encode())
        (folder.path / "a.yaml").write_text("actions: []")
        status = (folder.path / "a.yaml").stat()
        restarted = Folder(folder.path, kept)
        restarted.clock = FakeClock(wall=status.st_ctime)
        restarted.watcher = Watcher(folder.path, SPECS, restarted.clock, kept)

        first = await restarted.look()

        assert first is not None
        assert (restarted.values, first.broken) == ({"a": 1}, ())
        await restarted.settle()
        assert [broken.keeps for broken in restarted.watcher.catalog.broken] == ["a"]


class TestStream:
    async def test_real_notices_bring_a_new_catalog_within_the_time_of_rest(self, tmp_path: Path) -> None:
        """A dropped file is there in well under two seconds, a removed one goes."""
        (tmp_path / "a.yaml").write_text(GOOD % 1)
        with anyio.fail_after(20):
            async with watch(tmp_path, SPECS, SystemClock()) as catalogs:
                while "a" not in (await catalogs.receive()).entries:
                    pass
                began = SystemClock().monotonic()
                (tmp_path / "b.yaml").write_text(GOOD % 2)
                assert set((await catalogs.receive()).entries) == {"a", "b"}
                assert SystemClock().monotonic() - began < 4  # not the comparison of every 5 s
                (tmp_path / "a.yaml").unlink()
                assert set((await catalogs.receive()).entries) == {"b"}

    async def test_without_notices_the_comparison_finds_the_change(self, tmp_path: Path) -> None:
        """Every five seconds of the clock, though the system says nothing."""
        clock = FakeClock(wall=4e9)
        missing = tmp_path / "later"
        with anyio.fail_after(20):
            async with watch(missing, SPECS, clock) as catalogs:
                assert (await catalogs.receive()).entries == {}
                await clock.sleeping()
                missing.mkdir()
                (missing / "a.yaml").write_text(GOOD % 1)
                await clock.advance(COMPARE)
                while "a" not in (await catalogs.receive()).entries:
                    await clock.sleeping()
                    await clock.advance(STILL)
