"""
Build the tree of a YAML file from its events.

    MappingStart, Scalar, Scalar, … ──Tree──► Document: the root Node, and the problems met on the way

Without recursion, and counting while it builds, so that depth and expansion are bounded before anything is made of
them. What is YAML but a trap (a repeated key, `1_000`, a key that is no text) becomes a problem, its node is
`broken`, and reading goes on. `runner.definitions.yaml` feeds it.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from yaml import events as ev

from runner.definitions.nodes import Document, Node
from runner.definitions.paths import Path, show
from runner.definitions.scalars import plain, short_tag, tagged
from runner.definitions.source import refusal
from runner.errors import Problem

MAX_DEPTH: Final = 60
MAX_VALUES: Final = 50_000
MAX_CHARACTERS: Final = 4_000_000
"""Bounds of a file once its anchors are written out: levels, values, characters."""

_COLLECTIONS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!")


class _Key:
    """A key that waits for its value; `name` is None for one that was refused."""

    __slots__ = ("merges", "name", "place")

    def __init__(self, name: str | None, place: tuple[int, int], *, merges: bool) -> None:
        self.name = name
        self.place = place
        self.merges = merges


class _Open:
    """A collection that is being read."""

    __slots__ = ("anchor", "key", "merged", "node", "refused")

    def __init__(self, node: Node, anchor: str | None, *, refused: bool) -> None:
        self.node = node
        self.anchor = anchor
        self.key: _Key | None = None
        self.merged: list[Node] = []
        self.refused = refused


class Tree:
    """Events in, one tree out."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}
        self.values = 0
        self.characters = 0
        self.root: Node | None = None
        self.handlers = {
            ev.ScalarEvent: self._scalar,
            ev.AliasEvent: self._alias,
            ev.MappingStartEvent: self._open,
            ev.SequenceStartEvent: self._open,
            ev.MappingEndEvent: self._close,
            ev.SequenceEndEvent: self._close,
            ev.DocumentStartEvent: self._document,
        }

    def build(self, next_event: Callable[[], ev.Event]) -> Document:
        """The document of all events, asked for one by one. Raises DefinitionError for one that must be given up."""
        handlers = self.handlers
        kind: type[ev.Event] | None = None
        while kind is not ev.StreamEndEvent:
            event = next_event()
            kind = type(event)
            if kind in handlers:
                handlers[kind](event)
        if self.root is None:
            raise refusal(self.file, "the file is empty: expected a workflow, at least `actions:` with a list")
        return Document(self.file, self.text, self.root, self.problems)

    # ------------------------------------------------------------------------------------------------------- events

    def _document(self, event: Any) -> None:
        if self.root is not None:
            self._fail(
                "a second document begins here: one file holds one workflow; move it to a file of its own", event
            )

    def _scalar(self, event: Any) -> None:
        value, wrong = event.value, None
        if event.implicit[0] or event.tag:
            try:
                value = tagged(event.tag, value, bool(event.style)) if event.tag else plain(value)
            except ValueError as error:
                wrong = str(error)
        node = Node(event, value)
        if wrong:
            self._broken(node, wrong)
        self._count(1, node.characters, event)
        self._keep(event.anchor, node)
        self._place(node, event)

    def _open(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._fail(f"values are nested more than {MAX_DEPTH} deep here", event)
        node = Node(event, {}, {}) if isinstance(event, ev.MappingStartEvent) else Node(event, [], [])
        if event.tag and event.tag not in _COLLECTIONS:
            self._broken(node, f"the tag {short_tag(event.tag)} means nothing here")
        if event.anchor:
            self.anchors[event.anchor] = None
        as_key = self._expects_key()
        if as_key:
            self._refuse_key(node)
        self._count(1, 0, event)
        self.stack.append(_Open(node, event.anchor, refused=as_key))

    def _close(self, event: Any) -> None:
        opened = self.stack.pop()
        node = opened.node
        node.end = event.end_mark.index
        if opened.merged:
            _merge(node, opened.merged)
        self._keep(opened.anchor, node)
        if not opened.refused:
            self._place(node, event)

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            self._fail(f"no anchor &{name[:40]} stands above; a value that begins with * must be quoted", event)
        node = self.anchors[name]
        if node is None:
            self._fail(f"the alias *{name[:40]} stands inside its own anchor", event)
        if len(self.stack) + node.height > MAX_DEPTH:
            self._fail(f"values are nested more than {MAX_DEPTH} deep once *{name[:40]} is written out", event)
        self._count(node.values, node.characters, event)
        self._place(node, event)

    # -------------------------------------------------------------------------------------------------------- places

    def _expects_key(self) -> bool:
        if not self.stack:
            return False
        top = self.stack[-1]
        return isinstance(top.node.items, dict) and top.key is None

    def _place(self, node: Node, event: Any) -> None:
        """Put a finished node where it belongs: root, key, value or list item."""
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        holder = top.node
        if isinstance(holder.items, list):
            holder.items.append(node)
            holder.value.append(node.value)
        elif top.key is None:
            top.key = self._key(node, event)
            return
        else:
            key, top.key = top.key, None
            self._set(top, key, node)
        holder.values += node.values
        holder.characters += node.characters
        holder.height = max(holder.height, node.height + 1)

    def _key(self, node: Node, event: Any) -> _Key:
        if isinstance(node.value, str) and node.items is None:
            plain_merge = node.value == "<<" and not node.style
            return _Key(node.value, (event.start_mark.line + 1, event.start_mark.column + 1), merges=plain_merge)
        if not node.broken:
            self._broken(node, "a key must be text: quote it")
        return _Key(None, node.place, merges=False)

    def _refuse_key(self, node: Node) -> None:
        top = self.stack[-1]
        if self.text.startswith("{{", top.node.start):
            top.node.broken = node.broken = True
            place = top.node.place
            self._problem(
                'a value that begins with {{ is a mapping to YAML: quote the whole value, as in "{{ … }}"', place
            )
        else:
            self._broken(node, "a list or a mapping cannot be a key; a value that begins with { or [ must be quoted")
        top.key = _Key(None, node.place, merges=False)

    def _set(self, top: _Open, key: _Key, node: Node) -> None:
        holder, name = top.node, key.name
        if name is None or not isinstance(holder.items, dict):
            return
        if key.merges:
            self._merges(top, node)
        elif name in holder.items:
            first = holder.keys[name][0]
            self._problem(
                f"the key {name[:40]!r} stands here a second time; the first is in line {first}", key.place, name
            )
        else:
            holder.items[name] = node
            holder.keys[name] = key.place
            holder.value[name] = node.value

    def _merges(self, top: _Open, node: Node) -> None:
        sources = node.items if isinstance(node.items, list) else [node]
        for source in sources:
            if isinstance(source.items, dict):
                top.merged.append(source)
            elif not source.broken:
                self._problem(
                    "<< takes a mapping or a list of mappings, mostly an alias such as *defaults", source.place, "<<"
                )

    # ------------------------------------------------------------------------------------------------------ problems

    def _keep(self, anchor: str | None, node: Node) -> None:
        if anchor:
            self.anchors[anchor] = node

    def _count(self, values: int, characters: int, event: Any) -> None:
        self.values += values
        self.characters += characters
        if self.values > MAX_VALUES or self.characters > MAX_CHARACTERS:
            self._fail(
                f"the file holds more than {MAX_VALUES:,} values or {MAX_CHARACTERS:,} characters once its anchors are"
                " written out",
                event,
            )

    def _path(self) -> Path:
        steps: list[str | int] = []
        for opened in self.stack:
            items = opened.node.items
            if isinstance(items, list):
                steps.append(len(items))
            elif opened.key is not None and opened.key.name is not None:
                steps.append(opened.key.name)
        return tuple(steps)

    def _broken(self, node: Node, message: str) -> None:
        node.broken = True
        node.value = {} if isinstance(node.items, dict) else [] if isinstance(node.items, list) else None
        self._problem(message, node.place)

    def _problem(self, message: str, place: tuple[int, int], *below: str) -> None:
        path = show((*self._path(), *below))
        self.problems.append(Problem(message=message, file=self.file, line=place[0], column=place[1], path=path))

    def _fail(self, message: str, event: Any) -> NoReturn:
        mark = event.start_mark
        raise refusal(self.file, message, mark.line + 1, mark.column + 1, show(self._path()))


def _merge(node: Node, sources: list[Node]) -> None:
    """`<<`: keys of the sources that the mapping does not have itself; an earlier source wins."""
    assert isinstance(node.items, dict)
    for source in sources:
        assert isinstance(source.items, dict)
        for name, item in source.items.items():
            if name not in node.items:
                node.items[name] = item
                node.keys[name] = source.keys[name]
                node.value[name] = item.value
