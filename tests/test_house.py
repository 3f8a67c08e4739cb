"""
The house holds: what the style of the code promises, and what the pages say about settings, commands and examples.

Each test reads the files as they are and lists every place where a rule is broken; ruff, mypy and import-linter hold what
they can hold (`make check`), this holds the rest. What is not there yet is not asked for: a command is looked for in the
README once it exists.
"""

import ast
import importlib
import io
import re
import statistics
import subprocess
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

import click
import pytest

from runner.definitions.load import load_text
from runner.executors import action_types
from runner.settings.model import keys

ROOT = Path(__file__).parents[1]
RUNNER = ROOT / "runner"
MODULES = sorted(RUNNER.rglob("*.py"))
EXAMPLES = sorted((ROOT / "workflows").iterdir())

TOP_LEVEL = {
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "compose.yaml", "config.toml.example", "docs", "pyproject.toml", "requirements-build.lock", "requirements-dev.lock",
    "requirements.lock", "runner", "tests", "workflows",
}  # fmt: skip
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "base", "common", "manager", "managers", "misc"}


def _where(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the last statement, the docstring's not counted: saying more about a function is not a fault."""
    first = node.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout: there is no saying which files belong to the house")
    return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


class TestLayout:
    def test_the_top_of_the_house_holds_what_is_known(self) -> None:
        """A new name at the top is a decision: it is added to the list in this file."""
        assert {name.partition("/")[0] for name in _tracked()} <= TOP_LEVEL

    def test_no_module_has_a_name_that_says_nothing(self) -> None:
        """Modules are nouns for values or verbs for work, never a drawer."""
        names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(RUNNER).parts}

        assert not names & FORBIDDEN_NAMES

    def test_nothing_is_left_for_later_in_the_text(self) -> None:
        """No note to oneself stands in a tracked file."""
        notes = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
        text = [ROOT / name for name in _tracked() if not name.endswith((".lock", ".png"))]
        found = [_where(path) for path in text if notes.search(path.read_text(errors="replace"))]

        assert not found, "\n".join(found)


class TestModules:
    def test_each_opens_with_its_map(self) -> None:
        """It has a docstring that is a sentence; where the module is more than a screen, one that opens on a line of its own."""
        found = []
        for path in MODULES:
            head = ast.get_docstring(_tree(path), clean=False) or ""
            is_long = len(path.read_text().splitlines()) > 50
            has_map = head.startswith("\n") and len(head) > 120 if is_long else len(head) > 40
            if _tree(path).body and not has_map:
                found.append(_where(path))

        assert not found, "\n".join(found)

    def test_none_is_longer_than_300_lines_and_half_of_them_are_under_150(self) -> None:
        """A room that fills up splits by theme."""
        lengths = {_where(path): len(path.read_text().splitlines()) for path in MODULES}

        found = [f"{where}: {length} lines" for where, length in lengths.items() if length > 300]

        assert not found, "\n".join(found)
        assert statistics.median(length for length in lengths.values() if length) < 150

    def test_public_classes_say_what_they_are(self) -> None:
        """Every class without an underscore has a docstring."""
        classes = [(path, node) for path in MODULES for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)]
        found = [
            _where(path, node.lineno) for path, node in classes if node.name[0] != "_" and not ast.get_docstring(node)
        ]

        assert not found, "\n".join(found)

    def test_nothing_hides_behind_type_checking(self) -> None:
        """An import that only a type checker sees is a cycle in disguise."""
        assert [_where(path) for path in MODULES if "TYPE_CHECKING" in path.read_text()] == []

    def test_engine_and_executors_start_no_tasks_of_asyncio(self) -> None:
        """One kind of cancellation throughout: what runs lives in an anyio task group."""
        native = re.compile(r"\basyncio\.(create_task|ensure_future|gather|timeout|wait_for|TaskGroup|shield)\b")
        places = [path for path in MODULES if path.relative_to(RUNNER).parts[0] in {"engine", "executors"}]

        assert [_where(path) for path in places if native.search(path.read_text())] == []

    def test_every_exception_to_a_rule_has_its_reason_on_the_line(self) -> None:
        """`noqa` and `type: ignore` name their rule and say why."""
        reasoned = re.compile(r"#\s*(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[\w-]+(, ?[\w-]+)*\]) +(# )?\S.+")
        exception = re.compile(r"#\s*(noqa|type:\s*ignore)")
        found = [
            _where(path, line)
            for path in (*MODULES, *sorted((ROOT / "tests").rglob("*.py")))
            for line, comment in _comments(path)
            if exception.match(comment) and not reasoned.match(comment)
        ]

        assert not found, "\n".join(found)


class TestFunctions:
    def test_none_is_longer_than_60_lines_and_half_of_them_are_under_10(self) -> None:
        """Long functions are two; most fit on a hand's breadth."""
        lengths = {_where(path, node.lineno): _length(node) for path in MODULES for node in _functions(path)}

        found = [f"{where}: {length} lines" for where, length in lengths.items() if length > 60]

        assert not found, "\n".join(found)
        assert statistics.median(lengths.values()) < 10


class TestPages:
    def test_every_setting_is_in_the_example_configuration(self) -> None:
        """`config.toml.example` is TOML and holds each key in its section, set or commented out."""
        text = (ROOT / "config.toml.example").read_text()
        tomllib.loads(text)
        sections = dict(re.findall(r"^\[(\w+)\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))
        missing = [
            key
            for key in keys()
            if not re.search(
                rf"^(# ?)?{key.partition('.')[2]}\s*=", sections.get(key.partition(".")[0], ""), re.MULTILINE
            )
        ]

        assert missing == []

    def test_the_floors_are_those_that_a_machine_keeps(self) -> None:
        """CONTRIBUTING draws them as pyproject.toml has them, without the brackets."""
        contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
        floors = "\n".join(contract["layers"]).replace("(", "").replace(")", "")

        assert f"```\n{floors}\n```" in (ROOT / "CONTRIBUTING.md").read_text()

    def test_every_command_is_in_the_readme(self) -> None:
        """Whoever reads the README knows what the command line can do."""
        readme = (ROOT / "README.md").read_text()

        assert [name for name in _commands() if not re.search(rf"{re.escape(name)}\b", readme)] == []

    @pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
    def test_links_lead_somewhere(self, page: str) -> None:
        """A relative link names a file of the house."""
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())

        assert [link for link in links if not (ROOT / link).exists()] == []

    @pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
    def test_targets_that_a_page_names_are_in_the_makefile(self, page: str) -> None:
        """`make X` in a code span is a target."""
        targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named = set(re.findall(r"(?:`|^)make ([a-z][\w-]*)", (ROOT / page).read_text(), re.MULTILINE))

        assert named
        assert named <= targets


class TestExamples:
    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_each_loads_without_an_error_or_a_warning(self, path: Path) -> None:
        """With the types that are installed, under the name of its file."""
        loaded = load_text(path.read_bytes(), path.name, action_types())

        assert loaded.problems == ()
        assert loaded.workflow.name == path.stem

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_each_fits_on_a_page_and_says_how_to_start_it(self, path: Path) -> None:
        """At most 60 lines, headed by a comment with the command."""
        lines = path.read_text().splitlines()
        head = "\n".join(takewhile(lambda line: line.startswith("#"), lines))

        assert len(lines) <= 60
        assert f"runner run {path.stem}" in head

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
    def test_each_needs_no_network_but_this_machine(self, path: Path) -> None:
        """Their targets are Runner's own pages and files below ./data/files."""
        targets = re.findall(r"\b\w+://[\w.:/-]*", path.read_text())

        assert [
            target
            for target in targets
            if not re.match(r"http://127\.0\.0\.1:8080/?|sqlite://\./data/files/demo\.db$", target)
        ] == []

    @pytest.mark.parametrize(
        "word",
        [
            "$secret.",
            "$env.",
            "type: group",
            "for_each:",
            "retry:",
            "until:",
            "type: stop",
            "$last.",
            "on_failure:",
            "type: workflow",
        ],
    )
    def test_together_they_show_the_language(self, word: str) -> None:
        """What the README promises is in one of them."""
        assert any(word in path.read_text() for path in EXAMPLES)
        assert all(f"(workflows/{path.name})" in (ROOT / "README.md").read_text() for path in EXAMPLES)


def _commands() -> list[str]:
    """`runner start`, `runner secrets set`, …: every command below the group that the package's entry point is or holds."""
    cli = importlib.import_module("runner.cli")
    groups = [value for value in vars(cli).values() if isinstance(value, click.Group)]
    return [name for group in groups[:1] for name in _below(group, "runner")]


def _below(command: click.Command, name: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        if found is not None and not found.hidden:
            yield from _below(found, f"{name} {child}")
