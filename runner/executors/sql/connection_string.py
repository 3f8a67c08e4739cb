"""
A connection string as a value: which database, where, as whom, with which options.

    postgresql://user:password@host:5432/database?sslmode=verify-full
    mysql://user:password@host/database        mariadb:// is the same
    sqlite:///data/files/orders.db             relative to the daemon's working directory
    sqlite:////var/lib/orders.db               absolute

`parse` is the only reader of connection strings: drivers are given the parts, each of them explicitly, so that no
variable of the daemon's environment (PGHOST, PGPASSWORD, …) and no file of its user can complete one. A host is
required. Defaults: port 5432 or 3306, user `postgres` or `root`, no password, database = user (PostgreSQL) or none
(MySQL).

A connection string mostly is a secret: no message in here repeats a part of it but scheme and option names.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

Dialect = Literal["postgres", "sqlite", "mysql"]
DIALECTS: Final[tuple[Dialect, ...]] = ("postgres", "sqlite", "mysql")

SCHEMES: Final[Mapping[str, Dialect]] = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
}
OPTIONS: Final[Mapping[Dialect, frozenset[str]]] = {
    "postgres": frozenset(
        [
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "application_name",
            "options",
            "search_path",
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "timezone",
            "target_session_attrs",
            "connect_timeout",
            "pooler",
            "host",
        ]
    ),
    "mysql": frozenset(["sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "unix_socket"]),
    "sqlite": frozenset(["mode", "busy_timeout", "foreign_keys"]),
}
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_PORTS: Final[Mapping[Dialect, int]] = {"postgres": 5432, "mysql": 3306}
_USERS: Final[Mapping[Dialect, str]] = {"postgres": "postgres", "mysql": "root"}
SESSION_ATTRIBUTES: Final = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
FIRST_PRINTABLE: Final = 32
MOST_PORTS: Final = 65_535

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\[\]:/@\s]+))(?::(?P<port>\d{1,5}))?")


class Host(NamedTuple):
    """Where a server listens; `name` is a host name, an address, or the path of a Unix socket's folder or file."""

    name: str
    port: int

    @property
    def is_socket(self) -> bool:
        """Whether `name` is a path."""
        return self.name.startswith("/")


class Target(msgspec.Struct, frozen=True):
    """A connection string, read; it prints without what is secret. `path` is SQLite's, `hosts` the others'."""

    dialect: Dialect
    hosts: tuple[Host, ...] = ()
    user: str = ""
    password: str = ""
    database: str = ""
    path: str = ""
    options: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Target({self.dialect}, ****)"

    __str__ = __repr__

    @property
    def name(self) -> str:
        """How errors name it: a kind of database and no part of the string, which may be secret."""
        return {"postgres": "PostgreSQL", "sqlite": "SQLite", "mysql": "MySQL"}[self.dialect]


def dialect_of(text: str) -> Dialect | None:
    """The dialect that the scheme names, None where it names none that Runner knows."""
    match = _SCHEME.match(text)
    return SCHEMES.get(match[1].lower()) if match else None


def parse(text: str) -> Target:
    """Raises ValueError with what was expected; its text holds no part of the connection string but names."""
    dialect = dialect_of(text)
    if dialect is None:
        raise ValueError("connection_string: expected postgresql://, sqlite://, mysql:// or mariadb:// at its start")
    if any(ord(character) < FIRST_PRINTABLE for character in text):
        raise ValueError("connection_string: holds a line break or a control character; is there one at its end?")
    rest = text[text.index("://") + 3 :]
    rest, _, query = rest.partition("?")
    options = _options(dialect, query)
    if dialect == "sqlite":
        return Target(dialect, path=_sqlite_path(rest), options=options)
    if "#" in text:
        raise ValueError("connection_string: write # in a user, password or database as %23")
    return _server(dialect, rest, options)


def _options(dialect: Dialect, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS[dialect]:
            known = ", ".join(sorted(OPTIONS[dialect]))
            raise ValueError(f"connection_string: unknown option {name[:40]!r}, known are {known}")
        options[name] = value
    _expect(options, "sslmode", SSL_MODES)
    _expect(options, "target_session_attrs", SESSION_ATTRIBUTES)
    _expect(options, "pooler", ("transaction",))
    _expect(options, "mode", ("ro", "rw", "rwc"))
    _expect(options, "foreign_keys", ("on", "off"))
    for name in ("busy_timeout", "connect_timeout"):
        if name in options and not re.fullmatch(r"[0-9]{1,6}", options[name]):
            unit = "milliseconds" if name == "busy_timeout" else "seconds"
            raise ValueError(f"connection_string: {name} expects a number of {unit}")
    return options


def _expect(options: Mapping[str, str], name: str, words: tuple[str, ...]) -> None:
    if name in options and options[name] not in words:
        raise ValueError(f"connection_string: {name} expects one of {', '.join(words)}")


def _sqlite_path(rest: str) -> str:
    path = unquote(rest.removeprefix("/") if rest.startswith("/") else rest)
    if path in {"", ":memory:"}:
        raise ValueError(
            "connection_string: expected the path of a file; a database in memory would vanish between actions"
        )
    return path


def _server(dialect: Dialect, rest: str, options: dict[str, str]) -> Target:
    authority, _, database = rest.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    if "@" in credentials or "/" in database:
        raise ValueError("connection_string: write @ in a user or password as %40 and / as %2F")
    user, _, password = credentials.partition(":") if at else ("", "", "")
    socket = options.pop("host", "") or options.pop("unix_socket", "")
    user = unquote(user) or _USERS[dialect]
    return Target(
        dialect,
        hosts=(_socket(socket, dialect),) if socket and not hosts else _hosts(hosts, dialect, socket),
        user=user,
        password=unquote(password),
        database=unquote(database) or (user if dialect == "postgres" else ""),
        options=options,
    )


def _socket(path: str, dialect: Dialect) -> Host:
    if not path.startswith("/"):
        raise ValueError("connection_string: the option host or unix_socket expects an absolute path")
    return Host(path, _PORTS[dialect])


def _hosts(text: str, dialect: Dialect, socket: str) -> tuple[Host, ...]:
    if socket:
        raise ValueError("connection_string: names a host and a socket, expected one of them")
    if not text:
        raise ValueError("connection_string: has no host; expected user:password@host:port/database")
    hosts = []
    for part in text.split(","):
        match = _HOST.fullmatch(part)
        if match is None:
            raise ValueError(
                "connection_string: expected host or host:port; write : / ? # @ in a password as %3A %2F %3F %23 %40"
            )
        port = int(match["port"] or _PORTS[dialect])
        if not 0 < port <= MOST_PORTS:
            raise ValueError("connection_string: the port is not between 1 and 65535")
        hosts.append(Host(unquote(match["six"] or match["name"]), port))
    if dialect == "mysql" and len(hosts) > 1:
        raise ValueError("connection_string: expected one host")
    return tuple(hosts)
