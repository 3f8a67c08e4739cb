"""
The one door of a run to its journal: masks, encodes, numbers, hands over.

    events ──add()──► pending ──flush()──► Append ──► Journal        store() / load(): values ◄──► Stored

Every value passes `store`: what is secret in it is masked before it is encoded, and where masking changed it the real
value is sealed beside it under the run's key, since masked text is never used as data (design §2.14). `add` never
waits; what was added goes to the disk as one indivisible append at the next `flush`, and `durable` waits for the last
of them. Encoding happens here, by the run that made the value, so that only the disk can fail later (design §2.10).
"""

from collections.abc import Callable
from typing import Final

import anyio
import msgspec

from runner.engine.last import opened
from runner.engine.limits import EngineLimits
from runner.errors import ActionError, PermanentError, TemporaryError
from runner.events import About, Accepted, AnyEvent, Failure, Finished, Rerun, Settled, Stored, encode
from runner.expressions.labels import Labelled, Labels, Names, Path, mask
from runner.ports import Append, Blob, Durable, EventSink, Journal, Park, Redactor, RunChange, Sealer

ROW_BYTES = 4096
"""A value longer than this gets a row of its own in the blob table, once."""

OFF_LOOP_BYTES = 65_536
"""A value longer than this is masked in a thread, so that it does not hold up the others."""


_NULL: Final = Stored(json=msgspec.Raw(b"null"))
_EMPTY: Final = Stored(json=msgspec.Raw(b"{}"))


class Recorder:
    """
    The recorder of one run; lives as long as the run is in memory. `seq` is the last append's number.

    `urgent`: something was added that has to be handed over soon. `on_achieved` is called when an outcome is on disk
    that need not be achieved again.
    """

    def __init__(
        self,
        run: str,
        workflow: str,
        *,
        boot: int,
        seq: int,
        journal: Journal,
        redactor: Redactor,
        sealer: Sealer,
        sink: EventSink,
        limits: EngineLimits,
    ) -> None:
        self.run = run
        self._workflow = workflow
        self._boot = boot
        self._seq = seq
        self._journal = journal
        self._redactor = redactor
        self._sealer = sealer
        self._sink = sink
        self._limits = limits
        self.urgent = False
        self.on_achieved: Callable[[], object] | None = None
        self._events: list[AnyEvent] = []
        self._blobs: list[Blob] = []
        self._parks: list[Park] = []
        self._unparks: list[str] = []
        self._blob_number = seq << 24
        self._bytes = 0
        self._last: Durable | None = None

    def add(self, event: AnyEvent, about: About, *, rides: bool = False) -> None:
        """
        Take an event into the next append and tell whoever watches. One that `rides` along asks for no append itself.
        """
        self._events.append(event)
        self.urgent = self.urgent or not rides
        self._sink.publish(self.run, self._workflow, event, about)

    def park(self, park: Park) -> None:
        """Make a wake-up row with the next append."""
        self._parks.append(park)

    def unpark(self, place: str) -> None:
        """Take a wake-up row away with the next append."""
        self._unparks.append(place)

    def flush(self, *, at: float, change: RunChange | None = None, waiting: bool | None = None) -> Durable | None:
        """Hand over what was added as one append; None where nothing was."""
        if not self._events:
            return self._last
        achieves = self.on_achieved is not None and any(map(_achieves, self._events))
        self._last = self._journal.append(self._append(at, change=change, waiting=waiting))
        if achieves:
            self._last.add_done_callback(self._achieved)
        return self._last

    def _achieved(self, durable: Durable) -> None:
        if durable.exception() is None and self.on_achieved is not None:
            self.on_achieved()

    def asking(self, event: Accepted | Rerun) -> Append:
        """The append of a run that asks to be let in: nobody is told before the store's answer says that it is."""
        self._events.append(event)
        return self._append(event.at)

    async def durable(self) -> None:
        """Come back when everything handed over is on disk. Raises StoreError."""
        if self._last is not None and not self._last.done():
            await self._last
        elif self._last is not None:
            self._last.result()

    async def store(self, labelled: Labelled) -> Stored:
        """
        A value as the journal keeps it.

        Raises PermanentError (`value`) for one that cannot be written as JSON or passes the run's bounds.
        """
        if labelled.value is None or labelled.value == {}:
            return _NULL if labelled.value is None else _EMPTY
        real = self._encode(labelled.value)
        if len(real) <= OFF_LOOP_BYTES:
            masked = self._masked(labelled)
        else:
            masked = await anyio.to_thread.run_sync(self._masked, labelled)
        changed = masked is not labelled.value
        data = self._encode(masked) if changed else real
        return Stored(
            json=None if len(data) > ROW_BYTES else msgspec.Raw(data),
            blob=self._blob(data) if len(data) > ROW_BYTES else None,
            sealed=self._sealer.seal(self.run, real) if changed else None,
            labels=tuple((path, tuple(sorted(names))) for path, names in self._open(labelled.labels).items()),
        )

    async def load(self, stored: Stored, run: str = "") -> Labelled:
        """
        The real value, of this run or of another. Raises StoreError or SecretError where it cannot be had any more.
        """
        return await opened(stored, run or self.run, self._journal, self._sealer)

    def shown(self, text: str) -> str:
        """A text as people may see it."""
        return self._redactor.text(text)

    def failure(self, error: ActionError, *, attempts: int = 1, action: str = "") -> Failure:
        """A failure with everything in it masked."""
        return Failure(
            type=error.kind,
            message=self.shown(str(error)),
            attempts=attempts,
            action=action,
            facts=self._redactor.value(dict(error.facts)) if error.facts else {},
            temporary=isinstance(error, TemporaryError) and error.effect != "unknown",
        )

    def _append(self, at: float, *, change: RunChange | None = None, waiting: bool | None = None) -> Append:
        self._seq += 1
        self.urgent = False
        append = Append(
            run=self.run,
            boot=self._boot,
            seq=self._seq,
            at=at,
            events=encode(tuple(self._events)),
            blobs=tuple(self._blobs),
            change=change,
            parks=tuple(self._parks),
            unparks=tuple(self._unparks),
            waiting=waiting,
        )
        for gathered in (self._events, self._blobs, self._parks, self._unparks):
            gathered.clear()
        return append

    def _open(self, labels: Labels) -> Labels:
        """
        The labels as anybody may read them: a path that leads by a secret key ends before it, and counts for all there.

        Keys are secret where the redactor says so, and in a mapping that is labelled as a whole.
        """
        if not labels:
            return labels
        found: dict[Path, Names] = {}
        kept: dict[str, bool] = {}
        for path, names in labels.items():
            end = len(path)
            for at, step in enumerate(path):
                if isinstance(step, str):
                    if step not in kept:
                        kept[step] = self._redactor.text(step) == step
                    if not kept[step] or path[:at] in labels:
                        end = at
                        break
            found[path[:end]] = found.get(path[:end], frozenset()) | names
        return found

    def _masked(self, labelled: Labelled) -> object:
        return self._redactor.value(mask(labelled) if labelled.labels else labelled.value)

    def _encode(self, value: object) -> bytes:
        try:
            return msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            reason = "text with a lone surrogate" if isinstance(error, UnicodeEncodeError) else type(error).__name__
            raise PermanentError(
                f"the value cannot be written as JSON: {reason}", kind="value", effect="done"
            ) from None

    def _blob(self, data: bytes) -> int:
        self._bytes += len(data)
        if self._bytes > self._limits.journal_size:
            raise PermanentError(
                f"the run's values are over {self._limits.journal_size} bytes together (limits.journal_size)",
                kind="limit",
                effect="done",
            )
        self._blob_number += 1
        self._blobs.append(Blob(self._blob_number, data))
        return self._blob_number


def _achieves(event: AnyEvent) -> bool:
    """What `runner.store.starts` counts in a journal: the same."""
    return isinstance(event, Settled) or (isinstance(event, Finished) and event.outcome == "succeeded")
