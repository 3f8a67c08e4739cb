"""
Take the ports and the control socket before anything runs, so that one that is taken ends the start with one sentence.

    settings ──listen()──► 8080 and 3000          database ──listen_control()──► a socket in a private folder

`runner.daemon.service` serves on what it gets here.
"""

import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from runner.client import control_sockets
from runner.errors import SettingsError
from runner.settings import Settings
from runner.web.asgi import listen_tcp, listen_unix, make_runtime_folder


def listen(stack: AsyncExitStack, settings: Settings, *, dashboard: bool) -> list[socket.socket]:
    """The triggers' port, and the dashboard's where it is wanted; closed with the block. Raises SettingsError."""
    listeners = [stack.enter_context(listen_tcp(settings.server.host, settings.server.port, "server.port"))]
    if dashboard:
        pages = settings.dashboard
        listeners.append(stack.enter_context(listen_tcp(pages.host, pages.port, "dashboard.port")))
    return listeners


def listen_control(stack: AsyncExitStack, database: Path) -> socket.socket:
    """The control socket at the first place where it can be; its file goes with the block. Raises SettingsError."""
    places = control_sockets(database, os.environ)
    for path in places:
        try:
            make_runtime_folder(path.parent)
        except SettingsError:
            if path == places[-1]:
                raise
            continue
        listener = stack.enter_context(listen_unix(path))
        stack.callback(path.unlink, missing_ok=True)
        return listener
    raise SettingsError(f"sqlite.path: {database}: no place for a control socket: expected a shorter path")
