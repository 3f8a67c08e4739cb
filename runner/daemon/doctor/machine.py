"""
Checks of the machine below: its clock, what a process may open, the ports, the daemon's own socket.

    Patient ──► clock · open_files · daemon · ports ──► Finding …

Each reads and changes nothing; a port is tried by binding it for a moment, where no daemon runs that holds it.
"""

import ctypes
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio.to_thread

from runner.client import control_sockets
from runner.clock import iso
from runner.daemon.doctor.finding import Finding, Patient
from runner.errors import SettingsError
from runner.store.examine import Examination, open_examination
from runner.web.asgi import listen_tcp

_OLDEST: Final = 1_735_689_600.0
"""2025-01-01: a clock before it was never set."""

_STEP: Final = 60.0
_FEW: Final = 1024
_TIMEX_BYTES: Final = 512
_TIME_ERROR: Final = 5
"""What adjtimex(2) answers where nothing keeps the clock right."""


async def clock(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the date can be right: it is past this version's, not before the newest run, and something keeps it."""
    now, path = patient.clock.wall(), patient.loaded.settings.sqlite.runs_path
    newest = await anyio.to_thread.run_sync(_newest, path) if path.exists() else None
    cure = "set the clock, and let NTP keep it (timedatectl set-ntp true)"
    if now < _OLDEST:
        yield Finding("clock", "error", f"it says {iso(now)}", cure)
    elif newest is not None and newest > now + _STEP:
        said = f"it says {iso(now)}, but the store was written to at {iso(newest)}: it went back"
        yield Finding("clock", "warning", said, cure)
    elif await anyio.to_thread.run_sync(_is_adrift):
        yield Finding("clock", "warning", f"it says {iso(now)}, and the kernel says that nothing keeps it right", cure)
    else:
        yield Finding("clock", "ok", iso(now))


async def open_files(patient: Patient) -> AsyncIterator[Finding]:
    """How many files the daemon may open: it raises its own limit to the hard one."""
    del patient  # it is the machine that is asked
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = "no limit" if hard == resource.RLIM_INFINITY else f"the daemon may open {hard:,}"
    if hard != resource.RLIM_INFINITY and hard < _FEW:
        yield Finding("open_files", "warning", said, "raise the hard limit (LimitNOFILE=65536, ulimit -Hn 65536)")
    else:
        yield Finding("open_files", "ok", said)


async def daemon(patient: Patient) -> AsyncIterator[Finding]:
    """Whether a daemon answers at the control socket."""
    places = control_sockets(patient.loaded.settings.sqlite.path, patient.environ)
    if patient.is_running:
        yield Finding("daemon", "ok", "a daemon answers at its control socket")
    elif left := [path for path in places if path.exists()]:
        yield Finding("daemon", "warning", f"{left[0]} is there and nobody answers", "start the daemon: runner start")
    else:
        yield Finding("daemon", "ok", "no daemon runs")


async def ports(patient: Patient) -> AsyncIterator[Finding]:
    """Whether the ports are the daemon's, or free for it."""
    server, dashboard = patient.loaded.settings.server, patient.loaded.settings.dashboard
    if patient.is_running:
        yield Finding("ports", "ok", "held by the running daemon")
        return
    for key, host, port in (("server", server.host, server.port), ("dashboard", dashboard.host, dashboard.port)):
        try:
            listen_tcp(host, port, f"{key}.port").close()
        except SettingsError as error:
            yield Finding("ports", "error", str(error), f"stop what listens there, or set {key}.port to another one")
        else:
            yield Finding("ports", "ok", f"{key}.port {port} on {host} is free")


def _newest(path: Path) -> float | None:
    try:
        with open_examination(path) as connection:
            return Examination(connection).newest()
    except sqlite3.Error:
        return None


def _is_adrift() -> bool:
    if sys.platform != "linux":
        return False
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    return adjtimex is not None and adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _TIME_ERROR
