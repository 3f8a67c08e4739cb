"""
Send spans to a collector by OTLP over HTTP, with OpenTelemetry's own encoding, batching and thread.

    send(Span) ──► ReadableSpan ──► BatchSpanProcessor (a bounded queue, drops what does not fit) ──► POST /v1/traces

A collector that is away costs the spans and nothing else: it is said once, and once more when it is back. Loaded by
`runner.daemon.tracing` alone, since its packages are an extra.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from runner import __version__, log
from runner.daemon.tracing.spans import Span

PATH: Final = "/v1/traces"
"""Where a collector takes spans, below the address that it is reached by (OTLP 1.0, Default URL path)."""

MOST_WAITING: Final = 10_000
EXPORT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
"""How long the last spans may take at the end of the daemon."""

_DELAY_MILLIS: Final = 1000
_BATCH: Final = 500
_NANO: Final = 1_000_000_000
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)

_log = log.get("runner.tracing")


class ToldExporter(SpanExporter):
    """An exporter that says in the log when spans begin to be lost, and when no longer. In the processor's thread."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; never raises."""
        try:
            result = self._inner.export(spans)
        except Exception:  # noqa: BLE001  whatever the library cannot do costs these spans and nothing else
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                _log.warning("the collector takes no spans (tracing.collector_endpoint): they are lost")
            self._lost += len(spans)
        elif self._lost:
            _log.warning("the collector takes spans again", lost=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        """No more."""
        self._inner.shutdown()


@asynccontextmanager
async def open_sender(endpoint: str) -> AsyncIterator[Callable[[Span], None]]:
    """What takes spans as long as the block lives; at its end the last ones have a few seconds to get there."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it repeats addresses, and each failure
    exporter = ToldExporter(OTLPSpanExporter(address(endpoint), timeout=EXPORT_SECONDS))
    processor = BatchSpanProcessor(exporter, MOST_WAITING, _DELAY_MILLIS, _BATCH)
    resource = Resource.create({"service.name": "runner", "service.version": __version__})
    scope = InstrumentationScope("runner", __version__)
    try:
        yield lambda span: processor.on_end(_readable(span, resource, scope))
    finally:
        with anyio.move_on_after(STOP_SECONDS, shield=True):
            await anyio.to_thread.run_sync(processor.shutdown, abandon_on_cancel=True)


def address(endpoint: str) -> str:
    """Where the spans go: the collector's address, or the whole one where it is written out."""
    plain = endpoint.rstrip("/")
    return plain if plain.endswith(PATH) else plain + PATH


def _readable(span: Span, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    def context(number: int) -> SpanContext:
        return SpanContext(span.trace, number, is_remote=False, trace_flags=_SAMPLED)

    return ReadableSpan(
        span.name,
        context(span.id),
        None if span.parent is None else context(span.parent),
        resource,
        span.attributes,
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.OK) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=int(span.start * _NANO),
        end_time=int(span.end * _NANO),
        instrumentation_scope=scope,
    )
