"""
Data formats: `tojson`, `fromjson`, `csv`, `to_csv`, `xml`, read and written within bounds.

What is read is weighed as JSON would be, so that a small text with a long header or deep brackets makes nothing
large; XML with entities or a DTD of its own is refused. The registry in `runner.expressions.library` is the only
caller.
"""

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from runner.errors import EvaluationError, ExpressionLimitError
from runner.expressions.bounds import Evaluation
from runner.expressions.library.arguments import items, octets, text, utf8, whole
from runner.expressions.library.function import Function, plain
from runner.expressions.values import spell, to_json

_MOST_INDENT: Final = 8


def tojson(evaluation: Evaluation, value: Any, indent: Any = None) -> str:
    """JSON text, compact, or with `indent` spaces a level."""
    return to_json(evaluation, value, None if indent is None else whole(indent, "indent", most=_MOST_INDENT))


def fromjson(evaluation: Evaluation, value: Any) -> Any:
    """The value that JSON text (or its bytes) stands for."""
    raw = octets(value)
    evaluation.room(len(raw))
    try:
        found = msgspec.json.decode(raw)
    except RecursionError:
        raise ExpressionLimitError("is given JSON that is nested too deep") from None
    except msgspec.MsgspecError:
        raise EvaluationError("needs JSON, found other text") from None
    evaluation.weigh(found)
    return found


def read_csv(evaluation: Evaluation, value: Any, delimiter: Any = ",", header: Any = None) -> list[Any]:
    """A list of mappings, keys from the first line; with `header=false` a list of lists. Fields stay text."""
    source = text(value)
    evaluation.room(len(source))
    found: list[Any] = []
    keys: list[str] | None = None
    size = 0
    try:
        for row in csv.reader(io.StringIO(source, newline=""), delimiter=_delimiter(delimiter), strict=True):
            evaluation.step(1 + len(row))
            if not row:
                continue
            if header is False:
                found.append(row)
                continue
            if keys is None:
                keys = _unique_keys(row)
                continue
            if len(row) > len(keys):
                raise EvaluationError(f"finds {len(row)} fields but {len(keys)} names in row {len(found) + 1}")
            size += sum(map(len, keys)) + 6 * len(keys) + sum(map(len, row))
            evaluation.step(len(keys))
            evaluation.fits(size)
            found.append(dict.fromkeys(keys) | dict(zip(keys, row, strict=False)))
        evaluation.room(size)
    except csv.Error:
        raise EvaluationError(
            "needs CSV, found text with a quote that is not closed, a NUL or a field that is too long"
        ) from None
    return found


def to_csv(evaluation: Evaluation, value: Any, delimiter: Any = ",", header: Any = None) -> str:
    """CSV text of a list of mappings (their keys on top unless `header=false`) or of lists; null is an empty field."""
    rows = items(value)
    written = _Bounded(evaluation)
    writer = csv.writer(written, delimiter=_delimiter(delimiter), lineterminator="\n")
    keys: list[str] = []
    for row in rows:
        if isinstance(row, dict):
            keys += [key for key in row if key not in keys] if len(keys) != len(row) or list(row) != keys else []
            evaluation.step(len(row) + len(keys))
    if keys and header is not False:
        writer.writerow(keys)
    for index, row in enumerate(rows):
        fields = [row.get(key) for key in keys] if isinstance(row, dict) else row
        if not isinstance(fields, list) or (keys and not isinstance(row, dict)):
            raise EvaluationError(f"needs a list of mappings, or of lists, which item {index} is not")
        evaluation.step(1 + len(fields))
        writer.writerow(["" if field is None else spell(evaluation, field) for field in fields])
    evaluation.room(written.size)
    return "".join(written.pieces)


def xml(evaluation: Evaluation, value: Any) -> Any:
    """
    XML as nested mappings: `@name` an attribute, `#text` text beside them, a repeated element a list. No entities, no
    DTD.
    """
    from xml.parsers.expat import ExpatError  # noqa: PLC0415  as below

    import xmltodict  # noqa: PLC0415  50 ms to import; only workflows that read XML pay for it

    raw = value if isinstance(value, bytes) else utf8(text(value))
    evaluation.room(len(raw))
    evaluation.step(raw.count(b"<"))
    try:
        found = xmltodict.parse(raw, disable_entities=True)
    except (ValueError, LookupError, ExpatError):
        raise EvaluationError("needs XML without entities of its own, found something else") from None
    evaluation.weigh(found)
    return found


class _Bounded:
    """What `csv.writer` writes to: refuses the line that would be too much."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.pieces: list[str] = []
        self._evaluation = evaluation
        self.size = 0

    def write(self, line: str) -> None:
        self.size += len(line)
        self._evaluation.fits(self.size)
        self.pieces.append(line)


def _delimiter(given: Any) -> str:
    delimiter = text(given, "delimiter")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise EvaluationError("needs one character as `delimiter`, no quote and no line end")
    return delimiter


def _unique_keys(row: list[str]) -> list[str]:
    if len(set(row)) < len(row):
        raise EvaluationError("finds a name twice in the first line; read it with header=false")
    return row


FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "tojson": plain(tojson),
        "fromjson": plain(fromjson),
        "csv": plain(read_csv),
        "to_csv": plain(to_csv),
        "xml": plain(xml),
    }
)
