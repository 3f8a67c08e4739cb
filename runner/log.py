"""
The daemon's log: one line an event, redacted when it is finished.

    structlog ─┐                                                     ┌─ json ────► {"ts": …, "level": …, "event": …}
               ├─ fields, bound run and action, traceback as text ───┤               finished line ─redact─► stream
    logging ───┘                                                     └─ console ─► 12:00:01.500 info    event key=value

`configure` is called once by the composition root; everybody else asks `get` for a logger and binds what is running by
`bound`. Redaction comes last, on the line as it would be written: a filter before formatting misses tracebacks and the
`repr` of what somebody logged. Lines of level info go out at the end of a turn of the event loop, all others at once.
Whatever fails in here is swallowed: a log must not end a run.
"""

import asyncio
import json
import logging
import threading
import time
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, Protocol, TextIO

import msgspec
import structlog
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars

from runner.clock import iso

FAILED: Final = "<redaction failed>"

_FIRST: Final = ("event", "logger", "run", "workflow", "revision", "action", "item", "attempt", "trigger")
_PLACED: Final = frozenset({"boot", "error", "exc_info"})
"""The fields that every reader knows, in the order of a line (design §6); others stand before `boot` and `error`."""

_QUIET: Final = ("httpx", "httpcore", "aiosqlite", "hpack", "h2", "asyncio", "aiohttp", "asyncpg", "mysql")
"""Loggers that say addresses, bound values or headers: only their warnings are heard."""

_LONGEST: Final = 65_536
"""Characters of a line; it is cut after it was redacted."""

_MOST_GATHERED: Final = 200
"""Lines that are written together at most."""

_LEVELS: Final = {"warn": "warning", "critical": "error", "fatal": "error", "exception": "error", "err": "error"}
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}

bound = bound_contextvars
"""`with bound(run=…, workflow=…):` each line of this task, and of those that it starts, carries the fields."""


class Masks(Protocol):
    """What the log needs of a redactor: both give back the same object where nothing was found."""

    def text(self, text: str) -> str:
        """The text, masked."""

    def value(self, value: Any) -> Any:
        """A JSON value, masked."""


def get(name: str) -> Any:
    """A logger: `log.info("event", key=value)`; `name` becomes the field `logger`."""
    return structlog.get_logger(name)


def configure(level: str, format: str, redactor: Masks, stream: TextIO) -> None:  # noqa: A002  the setting's name
    """
    From now on write lines of at least `level` to `stream`, as `json` or `console` (`auto`: console on a terminal).

    The standard library's loggers (uvicorn, aiohttp, asyncpg, watchfiles, warnings) go through the same door.
    """
    writer = Writer(redactor, stream, as_json=format == "json" or (format == "auto" and not stream.isatty()))
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[merge_contextvars, writer.take],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Named,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, Bridge)]:
        root.removeHandler(handler)
    root.addHandler(Bridge(writer))
    root.setLevel(number)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


class Writer:
    """Makes the finished line of an event, redacts it, writes it."""

    def __init__(self, redactor: Masks, stream: TextIO, *, as_json: bool) -> None:
        self._redactor = redactor
        self._stream = stream
        self._as_json = as_json
        self._lock = threading.RLock()  # a warning of the collector's may come in the middle of a write
        self._lines: list[str] = []
        self._asked: asyncio.AbstractEventLoop | None = None

    def take(self, logger: "_Named", method: str, event: MutableMapping[str, Any]) -> str:
        """The last processor of structlog's chain: nothing is left for its own loggers to print."""
        self.write(method, {"logger": logger.name, **event})
        raise structlog.DropEvent

    def write(self, level: str, event: Mapping[str, Any]) -> None:
        """Write one event. Never raises."""
        with suppress(Exception):
            try:
                line = self._finished(_fields(_LEVELS.get(level, level), event))
            except Exception:  # noqa: BLE001  the text must not pass unmasked, and a log must not end a run
                line = json.dumps({"ts": iso(time.time()), "level": "error", "event": FAILED})
            with self._lock:
                self._lines.append(line)
                if level != "info" or not self._flushes_soon():
                    self.flush()

    def flush(self) -> None:
        """Write what is still to be written. Never raises."""
        with suppress(Exception), self._lock:
            lines, self._lines, self._asked = self._lines, [], None
            if lines:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()

    def _flushes_soon(self) -> bool:
        """Whether what the event loop does in this turn is written at its end: under load that is many ends of runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._asked is not loop:
            self._asked = loop
            loop.call_soon(self.flush)
        return len(self._lines) < _MOST_GATHERED

    def _finished(self, event: dict[str, Any]) -> str:
        """
        The line, masked in the leaves that it has once everything is text.

        So it stays JSON: within a line a secret may begin in the middle of an escape.
        """
        line = _encoded(event)
        fields = _decoded(line)
        masked = self._redactor.value(fields)
        if not isinstance(masked, dict):
            masked = {"ts": event["ts"], "level": event["level"], "event": FAILED}
        if not self._as_json:
            return self._redactor.text(_for_a_person(masked))
        if masked is not fields:
            line = _encoded(masked)
        return line if len(line) <= _LONGEST else _encoded({**_shortened(masked), "cut": len(line)})


class _Named:
    """What structlog takes for a logger; it only bears the name."""

    def __init__(self, name: str = "runner") -> None:
        self.name = name


class Bridge(logging.Handler):
    """Hands the standard library's records to the writer."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """One record as one event; a record that cannot be formatted says so and nothing of its arguments."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  the handler's own way would print the arguments
            message = "a record that cannot be formatted"
        event = {**get_contextvars(), "event": message, "logger": record.name, "exc_info": record.exc_info}
        self._writer.write(record.levelname.lower(), event)

    def flush(self) -> None:
        """At the end of the process, by the standard library."""
        self._writer.flush()


def _fields(level: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's fields in the order of a line. `ts` and `level` are the log's own."""
    fields = {"ts": iso(time.time()), "level": level}
    for key in _FIRST:
        if key in event:
            fields[key] = event[key]
    for key, value in event.items():
        if key not in _PLACED and key not in fields:
            fields[key] = value
    if "boot" in event:
        fields["boot"] = event["boot"]
    trace = _traceback(event.get("exc_info"))
    if trace or "error" in event:
        fields["error"] = f"{event['error']}\n{trace}" if trace and event.get("error") else trace or event["error"]
    return fields


def _traceback(info: Any) -> str:
    """Of an exception, `sys.exc_info()`'s three, or True for the one being handled."""
    if isinstance(info, BaseException):
        return "".join(traceback.format_exception(info, limit=-50))
    if isinstance(info, tuple) and info[0] is not None:
        return "".join(traceback.format_exception(*info, limit=-50))
    return traceback.format_exc(limit=-50) if info is True else ""


def _encoded(fields: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(fields, enc_hook=_shown).decode()
    except (OverflowError, UnicodeError, TypeError):
        return json.dumps(fields, default=_shown, skipkeys=True)


def _shown(value: object) -> str:
    """What is no JSON value, by its `repr`; a secret's is masked."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  somebody else's `repr`
        return f"<{type(value).__name__}>"


def _decoded(line: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return dict(json.loads(line))


def _for_a_person(fields: dict[str, Any]) -> str:
    """Time, level, event, key=value; an error's lines below, indented, so that no value can forge a line."""
    placed = {"ts", "level", "event", "error"}
    head = f"{fields['ts'][11:-1]} {fields['level']:<7} {_escaped(fields.get('event', ''))}"
    words = (f" {_escaped(key)}={_word(value)}" for key, value in fields.items() if key not in placed)
    below = (f"\n    {_escaped(line)}" for line in str(fields.get("error", "")).splitlines())
    line = head + "".join(words) + "".join(below)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… (cut, {len(line)} characters)"


def _escaped(value: Any) -> str:
    return str(value).translate(_CONTROL)


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else _encoded({"": value})[4:-1]
    return text if text and text.isprintable() and " " not in text else json.dumps(text, ensure_ascii=False)


def _shortened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without nested ones, texts cut to 1,024 characters."""
    return {
        key: value[:1024] if isinstance(value, str) else value
        for key, value in fields.items()
        if not isinstance(value, dict | list)
    }
