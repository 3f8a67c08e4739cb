"""Wrong settings, each with its message: where it stood, which key, what was expected, and never the value."""

import os
from pathlib import Path
from typing import Any

import pytest

from runner.errors import SettingsError
from runner.settings import load

PORT = "expected a port number from 0 (any free one) to 65535"
DURATION = 'expected a duration such as "500ms", "30s", "10m", "2h" or "1d"'
SIZE = 'expected a size such as 65536, "64KB" or "10MB"'
COUNT = "expected a whole number from 1"

TOML = [
    ("[server]\nport = '8080'", f"server.port: {PORT}, found text"),
    ("[server]\nport = 70000", f"server.port: {PORT}, found 70000"),
    ("[server]\nport = -1", f"server.port: {PORT}, found -1"),
    ("[server]\nport = 80.5", f"server.port: {PORT}, found a number with a fraction"),
    ("[server]\nport = true", f"server.port: {PORT}, found true or false"),
    ("[server]\nport = [1]", f"server.port: {PORT}, found a list"),
    ("[server]\nport = {a=1}", f"server.port: {PORT}, found a table"),
    ("[server]\nport = 2026-01-01", f"server.port: {PORT}, found a date or time"),
    ("[server]\nhost = ''", 'server.host: expected a host name or address such as "127.0.0.1", found empty text'),
    ("[server]\nhost = 'a b'", 'server.host: expected a host name or address such as "127.0.0.1", found text'),
    ("[server]\nworkflows = ''", "server.workflows: expected a path, found empty text"),
    ('[server]\nworkflows = "a\\u0000b"', "server.workflows: expected a path, found text"),
    ("[server]\nmax_concurrent_runs = 0", f"server.max_concurrent_runs: {COUNT}, found 0"),
    ("[server]\nmax_concurrent_runs = '5'", f"server.max_concurrent_runs: {COUNT}, found text"),
    ("[server]\nshutdown_timeout = 30", f"server.shutdown_timeout: {DURATION}, found 30"),
    ("[server]\nshutdown_timeout = '30'", f"server.shutdown_timeout: {DURATION}, found text"),
    ("[server]\nshutdown_timeout = '30 s'", f"server.shutdown_timeout: {DURATION}, found text"),
    ("[server]\nshutdown_timeout = '-5s'", f"server.shutdown_timeout: {DURATION}, found text"),
    ("[server]\nshutdown_timeout = ''", f"server.shutdown_timeout: {DURATION}, found empty text"),
    ("[server]\nprot = 1", "server.prot: there is no such key; did you mean port?"),
    ("[server]\nxyzzy = 1", "server.xyzzy: there is no such key"),
    ("[serv]\nport = 1", "serv: there is no such section; did you mean server?"),
    ("port = 1", "port: there is no such section"),
    ("server = 1", "server: expected a section, written [server], found 1"),
    ("[dashboard]\nmaster_key = 5", "dashboard.master_key: expected text, found 5"),
    ("[dashboard]\nmaster_key_file = 5", "dashboard.master_key_file: expected a path, found 5"),
    (
        "[dashboard]\npublic_url = 'runner.example.com'",
        'dashboard.public_url: expected "" or an address such as "https://runner.example.com", found text',
    ),
    ("[sqlite]\nnetwork_filesystem = 'yes'", "sqlite.network_filesystem: expected true or false, found text"),
    ("[http]\nallow_metadata = 1", "http.allow_metadata: expected true or false, found 1"),
    ("[env]\nallow = '*'", 'env.allow: expected a list of name patterns such as ["*TOKEN*"], found text'),
    ("[env]\nsecret = [1]", 'env.secret: expected a list of name patterns such as ["*TOKEN*"], found a list'),
    ("[files]\nallow = [1]", 'files.allow: expected a list of folders such as ["./data/files"], found a list'),
    (
        "[log]\nlevel = 'warn'",
        "log.level: expected one of debug, info, warning, error, found text; did you mean warning?",
    ),
    ("[log]\nlevel = 'INFO'", "log.level: expected one of debug, info, warning, error, found text; did you mean info?"),
    ("[log]\nformat = 'xml'", "log.format: expected one of auto, console, json, found text"),
    ("[limits]\nfile_size = '1 megabyte'", f"limits.file_size: {SIZE}, found text"),
    ("[limits]\nfile_size = 0", f"limits.file_size: {SIZE}, found 0"),
    ("[limits]\nfile_size = -1", f"limits.file_size: {SIZE}, found -1"),
    ("[limits]\nfile_size = 1.5", f"limits.file_size: {SIZE}, found a number with a fraction"),
    ("[limits]\nactions = 99999999999999999999", f"limits.actions: {COUNT}, found a number"),
    ("[runs]\nretention = true", f"runs.retention: {DURATION}, found true or false"),
    ("[server]\nport = ", "this is not TOML: Invalid value (at end of document)"),
    ("[server]\nport = 1\nport = 2", "this is not TOML: Cannot overwrite a value (at end of document)"),
    ("[server\nport = 1", "this is not TOML:"),
    (f"[server]\nport = {'[' * 100_000}", "brackets are nested too deep"),
    (f"[server]\nport = {'1' * 5000}", "this is not TOML:"),
]

TOGETHER = [
    ("[dashboard]\nport = 8080", "server.port and dashboard.port are both 8080: expected two different ports"),
    ("[tracing]\nenabled = true", "tracing.collector_endpoint: expected an address, since tracing.enabled is true"),
    (
        "[dashboard]\nmaster_key = 'x'\nmaster_key_file = 'y'",
        "both say where the master key is; keep one",
    ),
]

VARIABLES = [
    ({"RUNNERD_SERVER_PORT": "http"}, f"RUNNERD_SERVER_PORT: server.port: {PORT}, found text"),
    ({"RUNNERD_SERVER_PORT": "8080.0"}, f"RUNNERD_SERVER_PORT: server.port: {PORT}, found text"),
    ({"RUNNERD_HTTP_ALLOW_METADATA": "1"}, "RUNNERD_HTTP_ALLOW_METADATA: http.allow_metadata: expected true or false"),
    ({"RUNNERD_ENV_ALLOW": '["a"'}, "RUNNERD_ENV_ALLOW: env.allow: expected a list of name patterns"),
    ({"RUNNERD_ENV_ALLOW": "[1]"}, "RUNNERD_ENV_ALLOW: env.allow: expected a list of name patterns"),
    ({"RUNNERD_FILES_ALLOW": "a,,b"}, "RUNNERD_FILES_ALLOW: files.allow: expected a list of folders"),
    (
        {"RUNNERD_SERVER_PORT": "1", "RUNNERD_SERVER_PORT_FILE": "/x"},
        "RUNNERD_SERVER_PORT and RUNNERD_SERVER_PORT_FILE are both set: expected one of them",
    ),
    (
        {"RUNNERD_DASHBOARD_MASTER_KEY": "k", "RUNNERD_DASHBOARD_MASTER_KEY_FILE": "/x"},
        "both say where the master key is; keep one",
    ),
    (
        {"RUNNERD_SERVER_PORT_FILE": "/nowhere/port"},
        "RUNNERD_SERVER_PORT_FILE: /nowhere/port: cannot be read: No such file",
    ),
    ({"RUNNERD_SERVER_PORT_FILE": "/dev/zero"}, "RUNNERD_SERVER_PORT_FILE: /dev/zero: expected a regular file"),
]


class TestWrong:
    @pytest.mark.parametrize(("text", "message"), TOML, ids=[text[:40] for text, _ in TOML])
    def test_in_the_file(self, text: Any, message: Any, tmp_path: Path) -> None:
        """The message begins with the file's path and says the key."""
        path = tmp_path / "config.toml"
        path.write_text(text)

        with pytest.raises(SettingsError) as raised:
            load(path, {})

        assert str(raised.value).startswith(f"{path}: {message}")

    @pytest.mark.parametrize(("text", "message"), TOGETHER)
    def test_what_does_not_go_together(self, text: Any, message: Any, tmp_path: Path) -> None:
        """Two keys, each of them right by itself."""
        path = tmp_path / "config.toml"
        path.write_text(text)

        with pytest.raises(SettingsError) as raised:
            load(path, {})

        assert message in str(raised.value)

    @pytest.mark.parametrize(("environ", "message"), VARIABLES)
    def test_in_a_variable(self, environ: Any, message: Any) -> None:
        """The message begins with the variable's name."""
        with pytest.raises(SettingsError) as raised:
            load(None, environ)

        assert message in str(raised.value)

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            ({"server.port": "x"}, f"command line: server.port: {PORT}, found text"),
            ({"server.prot": 1}, "command line: server.prot: there is no such key; did you mean port?"),
        ],
    )
    def test_on_the_command_line(self, flags: Any, message: Any) -> None:
        """Flags are settings like the others."""
        with pytest.raises(SettingsError, match="command line") as raised:
            load(None, {}, flags)

        assert str(raised.value) == message

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\xff\xfe", "expected UTF-8, found another byte at offset 0"),
            (b"#" * 1_000_001, "expected at most 1000000 bytes"),
            (None, "cannot be read: No such file or directory"),
        ],
    )
    def test_a_file_that_cannot_be_read_as_text(self, content: Any, message: Any, tmp_path: Path) -> None:
        """Not there, not UTF-8, far too long."""
        path = tmp_path / "config.toml"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(SettingsError) as raised:
            load(path, {})

        assert str(raised.value) == f"{path}: {message}"

    def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(self, tmp_path: Path) -> None:
        """Nobody waits for the other end."""
        path = tmp_path / "pipe"
        os.mkfifo(path)

        with pytest.raises(SettingsError, match="expected a regular file"):
            load(path, {})

    @pytest.mark.parametrize(
        "key", ["server.port", "log.level", "server.shutdown_timeout", "limits.rows", "env.allow", "sqlite.path"]
    )
    def test_a_value_is_never_repeated(self, key: Any) -> None:
        """It may be the master key in the wrong place."""
        flags = {key: "\0canary-runner-key-1-abcdefgh" if key == "sqlite.path" else ["canary-runner-key-1-abcdefgh", 1]}

        with pytest.raises(SettingsError) as raised:
            load(None, {}, flags)

        assert "canary" not in str(raised.value)
        assert raised.value.__cause__ is None
