"""Real workflows load without a word, broken ones are told in full: with the action types that are installed."""

import re
from pathlib import Path

import pytest

from runner.definitions.catalog import EMPTY, build
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.errors import DefinitionError
from runner.executors import action_types

HERE = Path(__file__).parent
GOOD = sorted((HERE / "good").glob("*.yaml"))
BAD = sorted((HERE / "bad").glob("*.yaml"))
TYPES = action_types()

LINE = re.compile(r"(?P<file>[^:]+\.yaml):(?P<line>\d+):(?P<column>\d+): \S.+")


class TestGoodFiles:
    @pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
    def test_a_real_workflow_loads_without_an_error_or_a_warning(self, path: Path) -> None:
        """Each was written for another system and is said in this language."""
        assert load_text(path.read_bytes(), path.name, TYPES).problems == ()

    @pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
    def test_its_revision_reads_back_as_the_same_workflow(self, path: Path) -> None:
        """What a run pins is the checked model, and its hash is that of the same bytes."""
        workflow = load_text(path.read_bytes(), path.name, TYPES).workflow

        assert Workflow.decode(workflow.encode()) == workflow
        assert Workflow.decode(workflow.encode()).revision == workflow.revision

    def test_they_go_together(self) -> None:
        """In one folder none is in another's way: calls fit, names and paths are their own."""
        catalog = build(EMPTY, {path.name: path.read_bytes() for path in GOOD}, TYPES)

        assert len(catalog.entries) == len(GOOD) == 23
        assert catalog.problems == ()


class TestBadFiles:
    @pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
    def test_a_broken_file_is_told_as_written_beside_it(self, path: Path) -> None:
        """Every error at once, each with file, line, column, key path and the cure."""
        with pytest.raises(DefinitionError) as caught:
            load_text(path.read_bytes(), path.name, TYPES)

        assert f"{caught.value}\n" == path.with_suffix(".txt").read_text()

    def test_there_are_enough_of_them_and_each_line_says_where(self) -> None:
        """At least eighty; every line of every message begins with its own file, a line and a column of it."""
        assert len(BAD) >= 80
        for path in BAD:
            rows = path.read_bytes().count(b"\n") + 1
            for line in path.with_suffix(".txt").read_text().splitlines():
                found = LINE.fullmatch(line)
                assert found is not None, line
                assert found["file"] == path.name
                assert 1 <= int(found["line"]) <= rows

    def test_no_message_is_left_without_its_file(self) -> None:
        """A file that was taken out takes its message with it."""
        assert {path.stem for path in (HERE / "bad").glob("*.txt")} == {path.stem for path in BAD}

    def test_good_neighbours_of_all_of_them_go_on(self) -> None:
        """A folder with every good and every bad file runs the good ones and tells of the bad ones."""
        catalog = build(EMPTY, {path.name: path.read_bytes() for path in (*GOOD, *BAD)}, TYPES)

        assert len(catalog.entries) == len(GOOD)
        assert [broken.file for broken in catalog.broken] == [path.name for path in BAD]
