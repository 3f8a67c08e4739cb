"""
The current set of workflows: one immutable snapshot, swapped whole.

    previous catalog, files ──build()──► Catalog ─┬─ entries   the workflow of each name, with its source
                                                  └─ broken    files that are wrong, and what goes on in their place

A broken file never replaces a working one: the last good version stays until the file is right, goes away, or another
file takes its name or its requests. `runner.definitions.watch` builds one for each change; the daemon swaps it in and
keeps it as bytes, so that a start after a crash has the last good one. Nothing here reads a disk.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from runner.definitions.fields import decode_field, encode_field
from runner.definitions.load import load_text
from runner.definitions.model import Workflow
from runner.definitions.neighbours import Fault, doubts, faults, placed, requests
from runner.definitions.specs import Specs
from runner.errors import DefinitionError, Problem

Files = Mapping[str, bytes | Problem]
"""The content of each file by its name, or why it could not be read."""


class Entry(msgspec.Struct, frozen=True):
    """A workflow that is in force: the version that was read from `source`. `problems` are warnings."""

    workflow: Workflow
    source: str
    file: str
    problems: tuple[Problem, ...] = ()


class Broken(msgspec.Struct, frozen=True):
    """A file that is wrong. `keeps` names the workflow whose last good version, from this file, stays in force."""

    file: str
    source: str
    problems: tuple[Problem, ...]
    keeps: str | None = None


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """
    What can be run. `entries` by name, oldest first; `broken` and `doubts` (warnings across files) by file.

    `checked` is False for a catalog that was read back: the types that it was checked with may be gone.
    """

    entries: dict[str, Entry] = {}
    broken: tuple[Broken, ...] = ()
    doubts: tuple[Problem, ...] = ()
    checked: bool = False

    def get(self, name: str) -> Workflow | None:
        """The workflow of that name."""
        entry = self.entries.get(name)
        return None if entry is None else entry.workflow

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every error and warning there is, file by file."""
        told = [problem for broken in self.broken for problem in broken.problems]
        told += [problem for entry in self.entries.values() for problem in entry.problems]
        return tuple(sorted((*told, *self.doubts), key=lambda problem: (problem.file, problem.line, problem.column)))

    def encode(self) -> bytes:
        """As JSON, for the next start."""
        return _ENCODER.encode(msgspec.structs.replace(self, checked=False))

    @staticmethod
    def decode(data: bytes) -> "Catalog":
        """What `encode` wrote. Raises `msgspec.ValidationError` or `msgspec.DecodeError` for anything else."""
        return _DECODER.decode(data)


EMPTY: Final = Catalog()
_ENCODER: Final = msgspec.json.Encoder(enc_hook=encode_field)
_DECODER: Final = msgspec.json.Decoder(Catalog, dec_hook=decode_field)


def build(previous: Catalog, files: Files, specs: Specs) -> Catalog:
    """
    The catalog of these files. Files whose text is unchanged are not read again.

    Never raises for a file: what is wrong stands in `broken`. A file that is gone takes its workflow with it.
    """
    return _Builder(previous, files, specs).build()


class _Builder:
    def __init__(self, previous: Catalog, files: Files, specs: Specs) -> None:
        self.previous = previous
        self.files = files
        self.specs = specs
        self.last_good = {entry.file: entry for entry in previous.entries.values() if entry.file in files}
        self.places = {name: place for place, name in enumerate(previous.entries)}
        self.entries: dict[str, Entry] = {}
        self.broken: dict[str, Broken] = {}

    def build(self) -> Catalog:
        self.name([entry for file in sorted(self.files) if (entry := self.read(file)) is not None])
        self.keep_last_good()
        self.settle()
        entries = {name: self.entries[name] for name in sorted(self.entries, key=self.age)}
        workflows = {name: entry.workflow for name, entry in entries.items()}
        return Catalog(
            entries=entries,
            broken=tuple(self.broken[file] for file in sorted(self.broken)),
            doubts=tuple(
                problem
                for entry in entries.values()
                if (found := doubts(entry.workflow, workflows))
                for problem in placed(entry.source, entry.file, found, "warning")
            ),
            checked=True,
        )

    def age(self, name: str) -> tuple[int, str]:
        """What is as it was comes first, in the order it had; what changed or is new after that, by its file."""
        entry = self.entries[name]
        same = entry == self.previous.entries.get(name)
        return (self.places[name], "") if same else (len(self.places), entry.file)

    def read(self, file: str) -> Entry | None:
        """The entry of a good file; a bad one goes to `broken`."""
        content = self.files[file]
        if isinstance(content, Problem):
            self.broken[file] = Broken(file, "", (content,))
            return None
        source = content.decode(errors="replace")
        known = self.last_good.get(file)
        if known is not None and known.source == source and self.previous.checked:
            return known
        try:
            loaded = load_text(content, file, self.specs)
        except DefinitionError as error:
            self.broken[file] = Broken(file, source, error.problems)
            return None
        return Entry(loaded.workflow, source, file, loaded.problems)

    def name(self, good: list[Entry]) -> None:
        """Give each name to one file: to the one that had it, else to the first."""
        for entry in sorted(good, key=lambda entry: (not self.had_name(entry), entry.file)):
            name = entry.workflow.name
            owner = self.entries.setdefault(name, entry)
            if owner is not entry:
                message = (
                    f"the name {name} is taken by {owner.file}: a name is unique in the folder, this file has it too"
                )
                self.refuse(entry, [Fault(("name",), message)])

    def had_name(self, entry: Entry) -> bool:
        before = self.previous.entries.get(entry.workflow.name)
        return before is not None and before.file == entry.file

    def keep_last_good(self) -> None:
        """Of broken files, where no good one has taken the name or the requests (design §2.6)."""
        taken = {form for entry in self.entries.values() for form in requests(entry.workflow).values()}
        for file, broken in self.broken.items():
            last = self.last_good.get(file)
            if last is None or last.workflow.name in self.entries or taken & {*requests(last.workflow).values()}:
                continue
            self.entries[last.workflow.name] = last
            self.broken[file] = msgspec.structs.replace(broken, keeps=last.workflow.name)

    def settle(self) -> None:
        """Take out what does not go with its neighbours, until everything that was not there before does."""
        settled: set[str] = set()
        while True:
            order = sorted(self.entries, key=self.age)
            found = faults({name: self.entries[name].workflow for name in order})
            name = next((name for name in reversed(order) if name in found and name not in settled), None)
            if name is None:
                return
            entry = self.entries.pop(name)
            self.refuse(entry, found[name])
            last = self.last_good.get(entry.file)
            if last is not None and last.workflow.name not in self.entries:
                self.entries[last.workflow.name] = last
                settled.add(last.workflow.name)
                self.broken[entry.file] = msgspec.structs.replace(self.broken[entry.file], keeps=last.workflow.name)

    def refuse(self, entry: Entry, found: list[Fault]) -> None:
        self.broken[entry.file] = Broken(entry.file, entry.source, placed(entry.source, entry.file, found))
