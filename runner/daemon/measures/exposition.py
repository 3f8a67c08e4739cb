"""
Everything that is measured, as the text of `/metrics`.

    Measured ──Exposition.text()──► asks store, vault and catalog once ──► families ──► Prometheus text

A registry is made for each scrape and thrown away: nothing is global, and between two scrapes nothing is held. Names
follow Prometheus' own rules: base units, `_total` for what only grows.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from runner import __version__
from runner.clock import Clock
from runner.daemon.measures.loop_watch import LoopWatch
from runner.daemon.measures.run_tally import RunTally
from runner.definitions.catalog import Catalog
from runner.errors import SecretError
from runner.secrets.reminders import counts as due_counts
from runner.secrets.vault import Vault
from runner.store.sqlite import SqliteStore
from runner.tally import Histogram
from runner.web.services import Documents


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. `live` is the number of runs in slots, `usage` the documents that the pages get."""

    clock: Clock
    tally: RunTally
    loop: LoopWatch
    store: SqliteStore
    vault: Vault | None
    live: Callable[[], int]
    catalog: Callable[[], Catalog]
    usage: Documents


class Exposition:
    """The text, made anew each time."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._began = measured.clock.wall()

    async def text(self) -> bytes:
        """As Prometheus reads it. Raises StoreError where the store cannot be read."""
        measured = self._measured
        families = [
            _gauge("runner_info", "The version that runs.", ("version",), {(__version__,): 1}),
            _gauge("runner_start_time_seconds", "When this start was ready.", (), {(): self._began}),
            *_runs(measured.tally),
            _gauge("runner_runs", "Runs in the store.", ("state",), _single(await measured.store.counts())),
            _gauge("runner_runs_in_flight", "Runs that hold a slot.", (), {(): measured.live()}),
            _gauge("runner_workflows", "Files by how they were loaded.", ("state",), _states(measured.catalog())),
            *await _store(measured.store),
            *_loop(measured.loop),
            *await self._secrets(),
        ]
        registry = CollectorRegistry()
        registry.register(_Snapshot(families))
        ProcessCollector(registry=registry)
        return generate_latest(registry)

    async def _secrets(self) -> list[Metric]:
        vault, now = self._measured.vault, self._measured.clock.wall()
        missing = sum(each["state"] == "missing" for each in await self._measured.usage())
        due = {"missing": missing}
        if vault is not None:
            with suppress(SecretError):  # the log tells why; a scrape must not fail with it
                due |= due_counts(await vault.list(), now)
        families = [_gauge("runner_secrets_due", "Secrets to look after.", ("what",), _single(due))]
        if vault is None:
            return families
        return [
            *families,
            _gauge("runner_vault_generation", "Changes of the vault: it never goes back.", (), {(): vault.generation}),
            _gauge("runner_audit_head", "Rows of the audit log.", (), {(): vault.audit_head.sequence}),
        ]


class _Snapshot(Collector):
    """Families that are there already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _runs(tally: RunTally) -> Iterator[Metric]:
    yield _counter("runner_runs_ended", "Runs that ended since the start.", ("workflow", "state"), tally.runs)
    yield _histogram("runner_run_seconds", "From acceptance to end.", "workflow", tally.run_seconds)
    yield _counter("runner_actions_ended", "Actions that ended since the start.", ("type", "state"), tally.actions)
    yield _counter("runner_attempts", "Attempts that ended since the start.", ("type", "outcome"), tally.attempts)
    yield _histogram("runner_attempt_seconds", "One attempt.", "type", tally.attempt_seconds)
    labels = ("trigger", "workflow", "reason")
    yield _counter("runner_triggers_refused", "What triggers did not take.", labels, tally.refused)


async def _store(store: SqliteStore) -> list[Metric]:
    sizes = await store.sizes()
    bytes_of: dict[tuple[str, ...], float] = {("database",): sizes.file, ("wal",): sizes.wal, ("free",): sizes.free}
    return [
        _gauge("runner_store_bytes", "What the runs' store takes of the disk.", ("part",), bytes_of),
        _gauge("runner_store_waiting", "Appends that are not on disk yet.", (), {(): sizes.waiting}),
        _gauge("runner_store_degraded", "1 while the disk refuses to write.", (), {(): int(store.degraded)}),
        _gauge("runner_boot", "Starts of this store.", (), {(): store.boot}),
        _histogram("runner_commit_seconds", "One transaction of the store.", "", {"": store.commits.seconds}),
        _histogram("runner_commit_items", "What one transaction took with it.", "", {"": store.commits.items}),
    ]


def _loop(loop: LoopWatch) -> Iterator[Metric]:
    labels = ("workflow", "action")
    yield _gauge("runner_tasks", "Tasks of the event loop that have not ended.", (), {(): len(asyncio.all_tasks())})
    yield _histogram("runner_loop_lag_seconds", "How late the event loop comes to what is due.", "", {"": loop.lag})
    yield _counter("runner_loop_stalls", "Times that an action held the loop.", labels, loop.stalls)
    yield _counter("runner_loop_stalled_seconds", "How long it did.", labels, loop.stalled)


def _single(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


def _states(catalog: Catalog) -> dict[tuple[str, ...], float]:
    return _single({"ok": len(catalog.entries), "broken": len(catalog.broken)})


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, about: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _histogram(name: str, about: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, about, labels=(label,) if label else ())
    for key, histogram in values.items():
        buckets = [("+Inf" if bound == float("inf") else f"{bound:g}", count) for bound, count in histogram.buckets()]
        family.add_metric((key,) if label else (), buckets, histogram.sum)
    return family
