"""
Runs as traces for an OpenTelemetry collector: an extra, off unless `[tracing] enabled` says otherwise.

    engine ──publish()──► spans (run → action → attempt, pure) ──► otlp (batches, a thread of its own) ──► collector

Only `otlp` knows OpenTelemetry's packages, and only `open_tracing` loads it. Nothing of a trace is sent to those whom
actions call: no `traceparent` leaves with a request.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from runner.daemon.tracing.spans import Spans
from runner.errors import SettingsError
from runner.ports import EventSink, Redactor
from runner.settings.model import Tracing


@asynccontextmanager
async def open_tracing(settings: Tracing, redactor: Redactor) -> AsyncIterator[Sequence[EventSink]]:
    """Who has to hear of runs, which is nobody where tracing is off. Raises SettingsError."""
    if not settings.enabled:
        yield ()
        return
    try:
        otlp = import_module("runner.daemon.tracing.otlp")
    except ImportError:
        raise SettingsError(
            "tracing.enabled: the packages that send spans are not installed: pip install 'runnerd[tracing]'"
        ) from None
    async with otlp.open_sender(settings.collector_endpoint) as send:
        yield (Spans(send, redactor.text),)
