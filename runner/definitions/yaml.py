"""
YAML 1.2 core with positions: the text of a file to a tree of nodes, each with its JSON value and where it stands.

    text ──PyYAML's parser──► events ──tree──► Document ── root: Node

Events are taken one by one, so that a hostile file is given up at its first bad byte. What is no YAML at all raises at
once with the cure (`runner.definitions.cures`). `runner.definitions.load` calls this.
"""

from typing import Any, Final

import yaml

from runner.definitions.cures import explain
from runner.definitions.nodes import Document
from runner.definitions.source import refusal
from runner.definitions.tree import Tree


def read_yaml(text: str, file: str, parser: Any = None) -> Document:
    """
    The tree of a file. `parser` is PyYAML's, by default the fastest there is.

    Raises DefinitionError with one problem for what is no YAML, holds no or two documents, or passes a bound.
    """
    events = (parser or _PARSER)(text)
    try:
        return Tree(file, text).build(events.get_event)
    except yaml.MarkedYAMLError as error:
        raise refusal(file, *explain(text, error)) from None
    finally:
        events.dispose()


class _PurePython(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """The same parser where PyYAML was built without libyaml."""

    def __init__(self, stream: str) -> None:
        yaml.reader.Reader.__init__(self, stream)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


PARSERS: Final[tuple[Any, ...]] = (*((yaml.CSafeLoader,) if yaml.__with_libyaml__ else ()), _PurePython)
_PARSER: Final = PARSERS[0]
