"""Traces of a real daemon at a real receiver: a server that decodes what OpenTelemetry's protocol says."""

import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import anyio
import anyio.to_thread
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runner.daemon.service import Service, open_service
from runner.daemon.tracing import open_tracing
from runner.engine.admission import Submission
from runner.errors import SettingsError
from runner.redaction import Redactor
from runner.secrets.keys import new_master_key
from runner.settings import load
from runner.settings.model import Tracing

WORKFLOW = """
actions:
  - {id: list, type: set, config: {sites: [1]}}
  - {id: check, type: http, for_each: $action.list.sites, retry: {max_attempts: 2, delay: 10ms},
     config: {url: "{{ $env.COLLECTOR }}/echo?key={{ $secret.API_KEY }}"}}
"""
VALUE = "the-key-that-no-span-may-hold"


class Collector:
    """Its address, the spans that came, and the headers of every other request."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.batches: SimpleQueue[ExportTraceServiceRequest] = SimpleQueue()
        self.raw = b""
        self.called: list[dict[str, str]] = []


@contextmanager
def collector() -> Iterator[Collector]:
    """A receiver of OTLP over HTTP, which answers 500 to everything else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            found.raw += data
            found.batches.put(ExportTraceServiceRequest.FromString(data))
            self._answer(200)

        def do_GET(self) -> None:
            found.called.append({name.lower(): value for name, value in self.headers.items()})
            self._answer(500)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def daemon(folder: Path, endpoint: str) -> AsyncIterator[Service]:
    """A daemon with the workflow, which sends its spans there."""
    (folder / "workflows").mkdir()
    (folder / "workflows" / "orders.yaml").write_text(WORKFLOW)
    config = folder / "config.toml"
    config.write_text(
        f'[server]\nport = 0\nhost = "127.0.0.1"\n[dashboard]\nmaster_key = "{new_master_key()}"\n[log]\nlevel = "warning"\n'
        f'[tracing]\nenabled = true\ncollector_endpoint = "{endpoint}"\n'
    )
    config.chmod(0o600)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(load(config, {}), dashboard=False))
        assert service.vault is not None
        await service.vault.set("API_KEY", VALUE, by="test")
        loaded = anyio.Event()
        service.catalogs.follow(lambda catalog: loaded.set() if catalog.entries else None)
        if not service.catalogs.count:
            await loaded.wait()
        yield service


async def spans_of(found: Collector, count: int) -> list[Any]:
    """So many spans, as they come."""
    spans: list[Any] = []
    with anyio.fail_after(30):
        while len(spans) < count:
            batch = await anyio.to_thread.run_sync(lambda: found.batches.get(timeout=30))
            spans += [span for each in batch.resource_spans for scope in each.scope_spans for span in scope.spans]
    return spans


async def test_a_run_is_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, actions, items and attempts, each in the other; the error in words; no secret, and no header to others."""
    with collector() as found:
        monkeypatch.setenv("COLLECTOR", found.address)
        async with daemon(tmp_path, found.address) as service:
            admitted = await service.engine.dispatcher.submit(Submission(workflow="orders"))
            row = await service.engine.dispatcher.wait(admitted.run)
            spans = await spans_of(found, 6)

    by_id = {span.span_id: span for span in spans}
    (root,) = [span for span in spans if not span.parent_span_id]
    chains = set()
    for span in spans:
        names, each = [span.name], span
        while each.parent_span_id:
            each = by_id[each.parent_span_id]
            names.append(each.name)
        chains.add("/".join(reversed(names)))
    attributes = {each.key: each.value for each in root.attributes}

    assert row.state == "failed"
    assert len({span.trace_id for span in spans}) == 1
    assert chains == {
        "orders",
        "orders/list",
        "orders/check",
        "orders/check/check",
        "orders/check/check/attempt 1",
        "orders/check/check/attempt 2",
    }
    assert attributes["runner.run"].string_value == admitted.run
    assert attributes["runner.state"].string_value == "failed"
    assert "500" in root.status.message
    assert VALUE.encode() not in found.raw
    assert len(found.called) == 2
    assert not any("traceparent" in headers or "tracestate" in headers for headers in found.called)


async def test_the_daemon_goes_on_where_the_collector_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs end as ever; that spans are lost is said once and names the setting, not the address."""
    with collector() as gone:
        pass
    monkeypatch.setenv("COLLECTOR", gone.address)
    async with daemon(tmp_path, gone.address) as service:
        rows = []
        for _ in range(3):
            admitted = await service.engine.dispatcher.submit(Submission(workflow="orders"))
            rows.append(await service.engine.dispatcher.wait(admitted.run))
    said = [line for line in capsys.readouterr().err.splitlines() if "runner.tracing" in line]

    assert [row.state for row in rows] == ["failed"] * 3
    assert len(said) == 1
    assert "tracing.collector_endpoint" in said[0]
    assert gone.address not in said[0]


async def test_it_is_said_where_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with what to install; where tracing is off nothing of it is loaded."""
    monkeypatch.setitem(sys.modules, "runner.daemon.tracing.otlp", None)

    async with open_tracing(Tracing(), Redactor()) as sinks:
        assert list(sinks) == []
    with pytest.raises(SettingsError, match=r"^tracing.enabled: .*pip install 'runnerd\[tracing\]'$"):
        async with open_tracing(Tracing(enabled=True, collector_endpoint="http://127.0.0.1:1"), Redactor()):
            pass
