"""
The daemon's own configuration: read once, frozen, strict (design §3).

    flag > RUNNERD_SECTION_KEY > …_FILE > config.toml > default ──load()──► Loaded(settings, origins, warnings)

Only the composition root and the command line read settings; everything else is given plain values. Nothing but
`config.toml` and the files that variables name is read here, and nothing is opened, made or run.
"""

from runner.settings.explain import Shown, explain
from runner.settings.load import Loaded, load
from runner.settings.model import (
    Dashboard,
    Env,
    Files,
    Http,
    Limits,
    Log,
    Runs,
    Server,
    Settings,
    Sqlite,
    Tracing,
)

__all__ = [
    "Dashboard",
    "Env",
    "Files",
    "Http",
    "Limits",
    "Loaded",
    "Log",
    "Runs",
    "Server",
    "Settings",
    "Shown",
    "Sqlite",
    "Tracing",
    "explain",
    "load",
]
