"""
What passes between `runner run` and whoever carries the run out: one request, then lines until its end.

    RunRequest ──► AcceptedLine, EventLine …, EndedLine     or StoppedLine, when the daemon stops before

`runner.web.running` writes the lines, the command line reads them, and needs neither engine nor web stack for that.
"""

from typing import Any, Final, Literal

import msgspec

from runner.errors import Problem


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What `runner run` asks for: a workflow of the catalog by `name`, or a `source` (`file` is its name in errors).

    `inputs` as text, spelled by their declared types; `trigger` is what `$trigger` means.
    """

    name: str = ""
    source: str | None = None
    file: str = ""
    inputs: dict[str, str] = {}
    trigger: Any = None


class RunLine(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """One line of the answer."""


class AcceptedLine(RunLine, frozen=True, tag="accepted"):
    """The run is on disk. `verdict` says whether it runs or waits in the queue."""

    run: str
    workflow: str
    verdict: Literal["running", "queued", "duplicate", "skipped"]
    definition: msgspec.Raw
    """The revision's JSON, so that what will not begin can be shown."""
    warnings: tuple[Problem, ...] = ()


class EventLine(RunLine, frozen=True, tag="event"):
    """An event as `runner.events` encodes it, in a list of one; without values."""

    events: msgspec.Raw


class LostLine(RunLine, frozen=True, tag="lost"):
    """The reader was too slow for so many events."""

    count: int


class EndedLine(RunLine, frozen=True, tag="ended"):
    """The run has ended, and this is its document (`runner.web.documents`)."""

    result: msgspec.Raw


class StoppedLine(RunLine, frozen=True, tag="stopped"):
    """The daemon stops; the run lies in its journal and goes on at the next start."""


AnyLine = AcceptedLine | EventLine | LostLine | EndedLine | StoppedLine


_DECODER: Final[msgspec.json.Decoder[AnyLine]] = msgspec.json.Decoder(AnyLine)


def decode_line(data: bytes) -> AnyLine:
    """A line as it was written. Raises `msgspec.MsgspecError` for anything else."""
    return _DECODER.decode(data)
