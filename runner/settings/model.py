"""
Every key there is, with its kind and default; `config.toml.example` says what each is for.

`runner.settings.load` fills the model, the composition root reads it. Paths are absolute once loaded, durations are
seconds, sizes bytes. A section is a struct, a key a field; a new key needs a line here and in `config.toml.example`.
"""

from pathlib import Path
from typing import Literal

import msgspec

from runner.settings.kinds import (
    Bytes,
    Command,
    Count,
    Duration,
    File,
    Flag,
    Folders,
    Host,
    Masked,
    Networks,
    Patterns,
    Port,
    Seconds,
    Size,
    Url,
)

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all sections are: frozen and strict."""


class Server(Section, frozen=True):
    """Where triggers are served, what is loaded, how much runs at once."""

    host: Host = "0.0.0.0"  # noqa: S104  triggers are meant to be called from elsewhere; they carry their own auth
    port: Port = 8080
    public_url: Url = ""
    workflows: File = Path("workflows")
    max_concurrent_runs: Count = 100
    shutdown_timeout: Duration = Seconds(30)


class Dashboard(Section, frozen=True):
    """Pages and API, and the key that encrypts the secrets: once loaded at most one of the `master_key…` is set."""

    host: Host = "127.0.0.1"
    port: Port = 3000
    master_key: Masked | None = None
    master_key_file: File | None = None
    master_key_command: Command | None = None
    master_key_previous: Masked | None = None
    master_key_previous_file: File | None = None
    public_url: Url = ""
    trusted_proxies: Networks = ()
    strict_hosts: Flag = False


class Sqlite(Section, frozen=True):
    """Where the secrets lie; runs and journal lie beside them."""

    path: File = Path("data/runner.db")
    network_filesystem: Flag = False

    @property
    def runs_path(self) -> Path:
        """`runner-runs.db` beside `runner.db`."""
        return self.path.with_name(f"{self.path.stem}-runs{self.path.suffix}")

    @property
    def key_path(self) -> Path:
        """Where the key for sealing lies when no master key is set."""
        return self.path.with_name("runner.key")


class Secrets(Section, frozen=True):
    """How much of a secret's past is kept."""

    keep_versions: Count = 10


class Runs(Section, frozen=True):
    """How long ended runs are kept, and at how many kills one that was alone in flight is given up."""

    retention: Duration = Seconds(30 * 86400)
    max_recoveries: Count = 3


class Http(Section, frozen=True):
    """Where the http executor may connect to."""

    allow_private_networks: Flag = True
    allow_metadata: Flag = False


class Env(Section, frozen=True):
    """Which variables `$env` may read, and which of them are masked like secrets. Patterns with `*` and `?`."""

    allow: Patterns = ("*",)
    secret: Patterns = ("*PASSWORD*", "*SECRET*", "*TOKEN*", "*KEY*", "*_URL", "*_DSN")


class Files(Section, frozen=True):
    """Which files workflow files may name."""

    allow: Folders = (Path("data/files"),)


class Tracing(Section, frozen=True):
    """Where spans are sent."""

    enabled: Flag = False
    collector_endpoint: Url = ""


class Log(Section, frozen=True):
    """How much is logged and in which form; `auto` is `console` on a terminal and `json` elsewhere."""

    level: Level = "info"
    format: Format = "auto"


class Limits(Section, frozen=True):
    """What bounds one run that misbehaves (design §2.10); each error that a limit causes names its key."""

    file_size: Size = Bytes(1_000_000)
    actions: Count = 500
    items: Count = 10_000
    response_size: Size = Bytes(10_000_000)
    rows: Count = 10_000
    value_size: Size = Bytes(1_000_000)
    journal_size: Size = Bytes(100_000_000)
    depth: Count = 10
    queue: Count = 100
    queued_runs: Count = 10_000
    headers_size: Size = Bytes(64_000)
    cleanup_timeout: Duration = Seconds(60)
    cancel_grace: Duration = Seconds(10)


class Settings(Section, frozen=True):
    """All of it."""

    server: Server = Server()
    dashboard: Dashboard = Dashboard()
    sqlite: Sqlite = Sqlite()
    secrets: Secrets = Secrets()
    runs: Runs = Runs()
    http: Http = Http()
    env: Env = Env()
    files: Files = Files()
    tracing: Tracing = Tracing()
    log: Log = Log()
    limits: Limits = Limits()


def keys() -> dict[str, msgspec.structs.FieldInfo]:
    """Every key as `section.key`, in the order of the model."""
    return {
        f"{section.name}.{field.name}": field
        for section in msgspec.structs.fields(Settings)
        for field in msgspec.structs.fields(section.type)
    }
