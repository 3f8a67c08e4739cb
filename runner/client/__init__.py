"""
The way from a command to a running daemon, on this machine or elsewhere; neither daemon nor web is imported.

    connect(database)         ──► Daemon, by its control socket; None where none answers      (socket)
    open_api(url, token)      ──► Api, by `/api/v1` of the dashboard's port                    (api)
    both.lines("GET", "/runs") ──► JSON, one object a line

The command line calls it, so that a command stays light. Which of the two is asked is `runner.cli.asking`'s to say.
"""

from runner.client.socket import Daemon, connect, control_sockets

__all__ = ["Daemon", "connect", "control_sockets"]
