"""What is said of a collector that takes no spans, batch by batch."""

from collections.abc import Sequence

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from runner.daemon.tracing.otlp import ToldExporter


class Away(SpanExporter):
    """Takes a batch, refuses it or breaks, as `answers` say in turn."""

    def __init__(self, *answers: bool | None) -> None:
        self._answers = iter(answers)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        answer = next(self._answers)
        if answer is None:
            raise OSError
        return SpanExportResult.SUCCESS if answer else SpanExportResult.FAILURE


def test_it_is_told_once_that_spans_are_lost_and_once_that_they_are_taken_again() -> None:
    """Of three batches in a row one line, then how many spans it cost; the next time it is said anew."""
    structlog.reset_defaults()
    exporter = ToldExporter(Away(True, False, None, False, True, True, False))
    batch = [ReadableSpan("a"), ReadableSpan("b")]

    with capture_logs() as said:
        for _ in range(7):
            exporter.export(batch)

    lost = "the collector takes no spans (tracing.collector_endpoint): they are lost"
    assert [(line["event"], line.get("lost")) for line in said] == [
        (lost, None),
        ("the collector takes spans again", 6),
        (lost, None),
    ]
