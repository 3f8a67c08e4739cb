"""`runner start`: the daemon. What it does is `runner.daemon.service`; here are its flags."""

from pathlib import Path

import click

from runner.cli.options import config_option, load_settings


@click.command(short_help="Run the daemon until it is told to stop.")
@config_option
@click.option("--dashboard", is_flag=True, help="Open the dashboard's port too: pages and API.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
def start(*, config: Path | None, dashboard: bool, log_level: str | None) -> None:
    """
    Run the daemon: load the workflows folder, watch it, carry out runs, until SIGTERM or Ctrl-C.

    At the first signal runs in flight get [server] shutdown_timeout to end; at a second one the process ends at once.
    """
    loaded = load_settings(config, {"log.level": log_level})
    from runner.daemon.service import start as start_daemon  # noqa: PLC0415  wrong settings are told before all is loaded

    start_daemon(loaded, dashboard=dashboard)
