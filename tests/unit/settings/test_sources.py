"""Every key from every source, which of them wins, and how `runner config` shows it."""

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.secret import Secret
from runner.settings import Settings, explain, load
from runner.settings.model import keys
from runner.settings.sources import variable_of

EXAMPLE = Path(__file__).parents[3] / "config.toml.example"

VALUES = {
    "server.host": ("10.0.0.1", "10.0.0.1"),
    "server.port": (8081, 8081),
    "server.workflows": ("/srv/workflows", Path("/srv/workflows")),
    "server.max_concurrent_runs": (7, 7),
    "server.shutdown_timeout": ("1m30s", 90.0),
    "dashboard.host": ("::1", "::1"),
    "dashboard.port": (3001, 3001),
    "dashboard.master_key": ("a passphrase of some length", "a passphrase of some length"),
    "dashboard.master_key_file": ("/run/secrets/key", Path("/run/secrets/key")),
    "dashboard.master_key_command": ("pass show runner", "pass show runner"),
    "dashboard.strict_hosts": (True, True),
    "dashboard.master_key_previous": ("another passphrase of length", "another passphrase of length"),
    "dashboard.master_key_previous_file": ("/run/secrets/before", Path("/run/secrets/before")),
    "server.public_url": ("https://hooks.example.com", "https://hooks.example.com"),
    "dashboard.public_url": ("https://runner.example.com", "https://runner.example.com"),
    "dashboard.trusted_proxies": (["10.0.0.5", "172.16.0.0/12"], ("10.0.0.5", "172.16.0.0/12")),
    "sqlite.path": ("/var/lib/runner/servflow.db", Path("/var/lib/runner/servflow.db")),
    "sqlite.network_filesystem": (True, True),
    "secrets.keep_versions": (3, 3),
    "runs.retention": ("12h", 43200.0),
    "runs.max_recoveries": (5, 5),
    "http.allow_private_networks": (False, False),
    "http.allow_metadata": (True, True),
    "env.allow": (["APP_*", "HOME"], ("APP_*", "HOME")),
    "env.secret": (["*_PIN"], ("*_PIN",)),
    "files.allow": (["/srv/a", "/srv/b"], (Path("/srv/a"), Path("/srv/b"))),
    "tracing.enabled": (False, False),
    "tracing.collector_endpoint": ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
    "limits.file_size": ("2MB", 2_000_000),
    "limits.actions": (5, 5),
    "limits.items": (6, 6),
    "limits.response_size": ("3KiB", 3072),
    "limits.rows": (8, 8),
    "limits.value_size": (9, 9),
    "limits.journal_size": ("1GB", 1_000_000_000),
    "limits.depth": (2, 2),
    "limits.queue": (3, 3),
    "limits.queued_runs": (4, 4),
    "limits.headers_size": ("16KB", 16_000),
    "limits.cleanup_timeout": ("500ms", 0.5),
    "limits.cancel_grace": ("2d", 172_800.0),
}

CASES = pytest.mark.parametrize(("key", "given", "expected"), [(key, *pair) for key, pair in VALUES.items()])


def value_of(settings: Settings, key: str) -> object:
    section, name = key.split(".")
    value = getattr(getattr(settings, section), name)
    return value.reveal() if isinstance(value, Secret) else value


def spelled(given: object) -> str:
    return ",".join(given) if isinstance(given, list) else str(given).lower() if isinstance(given, bool) else str(given)


def write_toml(path: Path, key: str, given: object) -> Path:
    section, name = key.split(".")
    path.write_text(f"[{section}]\n{name} = {msgspec.json.encode(given).decode()}\n")
    path.chmod(0o600)
    return path


class TestEveryKey:
    def test_the_table_of_this_test_has_every_key(self) -> None:
        """A new key needs a row here."""
        assert set(VALUES) == set(keys())

    @CASES
    def test_by_the_file(self, key: Any, given: Any, expected: Any, tmp_path: Path) -> None:
        """config.toml gives the key, and is named as its origin."""
        path = write_toml(tmp_path / "config.toml", key, given)

        loaded = load(path, {})

        assert value_of(loaded.settings, key) == expected
        assert loaded.origins[key] == str(path)

    @CASES
    def test_by_a_variable_over_the_file(self, key: Any, given: Any, expected: Any, tmp_path: Path) -> None:
        """RUNNERD_SECTION_KEY beats config.toml."""
        path = write_toml(tmp_path / "config.toml", key, given)

        loaded = load(path, {variable_of(key): spelled(given)})

        assert value_of(loaded.settings, key) == expected
        assert loaded.origins[key] == variable_of(key)

    @pytest.mark.parametrize(
        ("key", "given", "expected"),
        [
            (key, *pair)
            for key, pair in VALUES.items()
            if key not in {"dashboard.master_key", "dashboard.master_key_previous"}
        ],
    )
    def test_by_a_file_that_a_variable_names(self, key: Any, given: Any, expected: Any, tmp_path: Path) -> None:
        """RUNNERD_SECTION_KEY_FILE, less one newline at its end; the master keys have keys of their own for that."""
        file = tmp_path / "value"
        file.write_text(spelled(given) + "\n")

        loaded = load(None, {f"{variable_of(key)}_FILE": str(file)})

        assert value_of(loaded.settings, key) == expected
        assert loaded.origins[key] == f"{variable_of(key)}_FILE"

    @CASES
    def test_by_a_flag_over_everything(self, key: Any, given: Any, expected: Any, tmp_path: Path) -> None:
        """A flag beats a variable and the file."""
        path = write_toml(tmp_path / "config.toml", key, given)

        loaded = load(path, {variable_of(key): spelled(given)}, {key: spelled(given)})

        assert value_of(loaded.settings, key) == expected
        assert loaded.origins[key] == "flag"


class TestOrder:
    def test_the_later_source_wins(self, tmp_path: Path) -> None:
        """default < file < variable's file < variable < flag."""
        path = write_toml(tmp_path / "config.toml", "server.port", 1)
        file = tmp_path / "port"
        file.write_text("2")
        by_file, by_variable = {"RUNNERD_SERVER_PORT_FILE": str(file)}, {"RUNNERD_SERVER_PORT": "3"}

        ports = [
            load(None, {}),
            load(path, {}),
            load(path, by_file),
            load(path, by_variable),
            load(path, by_variable, {"server.port": 4}),
        ]

        assert [loaded.settings.server.port for loaded in ports] == [8080, 1, 2, 3, 4]

    def test_an_empty_variable_and_a_flag_that_was_not_given_are_unset(self, tmp_path: Path) -> None:
        """Compose files set variables to nothing."""
        path = write_toml(tmp_path / "config.toml", "server.port", 1)

        loaded = load(path, {"RUNNERD_SERVER_PORT": "", "RUNNERD_SERVER_PORT_FILE": ""}, {"server.port": None})

        assert loaded.settings.server.port == 1

    @pytest.mark.parametrize(
        ("environ", "wins"),
        [
            ({}, "dashboard.master_key"),
            ({"RUNNERD_DASHBOARD_MASTER_KEY_FILE": "/run/key"}, "dashboard.master_key_file"),
            ({"RUNNERD_DASHBOARD_MASTER_KEY_COMMAND": "pass runner"}, "dashboard.master_key_command"),
        ],
    )
    def test_of_the_ways_to_give_the_master_key_the_strongest_source_wins(
        self, environ: Any, wins: Any, tmp_path: Path
    ) -> None:
        """The others are as if they were not written."""
        path = write_toml(tmp_path / "config.toml", "dashboard.master_key", "a passphrase of some length")

        dashboard = load(path, environ).settings.dashboard

        assert [key for key in ("master_key", "master_key_file", "master_key_command") if getattr(dashboard, key)] == [
            wins.removeprefix("dashboard.")
        ]

    def test_systemds_credential_is_used_where_no_key_is_given(self, tmp_path: Path) -> None:
        """$CREDENTIALS_DIRECTORY/master_key, and a key that is given beats it."""
        (tmp_path / "master_key").write_text("k")
        environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}

        assert load(None, environ).settings.dashboard.master_key_file == tmp_path / "master_key"
        assert (
            load(None, {**environ, "RUNNERD_DASHBOARD_MASTER_KEY": "x" * 20}).settings.dashboard.master_key_file is None
        )

    def test_paths_count_from_the_file_they_stand_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of config.toml and of defaults from its folder, those of variables from the working directory."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        path = write_toml(tmp_path / "config.toml", "sqlite.path", "./data/servflow.db")
        monkeypatch.chdir(elsewhere)

        settings = load(path, {"RUNNERD_FILES_ALLOW": "files,../more"}).settings

        assert settings.sqlite.path == tmp_path / "data/servflow.db"
        assert settings.server.workflows == tmp_path / "workflows"
        assert settings.files.allow == (elsewhere / "files", tmp_path / "more")
        assert load(None, {}).settings.sqlite.path == elsewhere / "data/runner.db"

    def test_runs_and_key_lie_beside_the_database(self, tmp_path: Path) -> None:
        """`servflow.db` has `servflow-runs.db` and `runner.key` as neighbours."""
        sqlite = load(write_toml(tmp_path / "config.toml", "sqlite.path", "./data/servflow.db"), {}).settings.sqlite

        assert sqlite.runs_path == tmp_path / "data/servflow-runs.db"
        assert sqlite.key_path == tmp_path / "data/runner.key"


class TestExample:
    def test_the_example_holds_every_key_and_every_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Copied as it is, it changes nothing."""
        monkeypatch.chdir(EXAMPLE.parent)
        tables = tomllib.loads(EXAMPLE.read_text())

        assert {f"{section}.{name}" for section, table in tables.items() for name in table} == set(keys())
        assert load(EXAMPLE, {}).settings == load(None, {}).settings

    def test_the_example_has_words_above_each_key(self) -> None:
        """A key, or the group it stands in, begins with a comment."""
        lines = EXAMPLE.read_text().splitlines()
        alone = [line for before, line in pairwise(lines) if line[:1].islower() and before[:1] in {"", "["}]

        assert alone == []

    def test_the_seed_form_works_as_it_is(self, tmp_path: Path) -> None:
        """Two sections of two lines."""
        path = tmp_path / "config.toml"
        path.write_text('[sqlite]\npath = "./data/servflow.db"\n[dashboard]\nmaster_key = "correct horse battery"\n')

        settings = load(path, {}).settings

        assert settings.sqlite.path == tmp_path / "data/servflow.db"
        assert settings.dashboard.master_key == Secret(frozenset({"dashboard.master_key"}), "correct horse battery")


class TestWarnings:
    def test_an_unknown_variable_warns_and_names_the_nearest(self) -> None:
        """It may be a typo; Kubernetes' RUNNER_ variables are none of ours."""
        warnings = load(None, {"RUNNERD_SERVER_PROT": "1", "RUNNER_SERVER_PORT": "tcp://10.0.0.1"}).warnings

        assert warnings == ("RUNNERD_SERVER_PROT: no setting has this variable; did you mean RUNNERD_SERVER_PORT?",)

    @pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o640, 1), (0o604, 1)])
    def test_a_key_in_a_file_that_others_can_read_warns(self, mode: Any, count: Any, tmp_path: Path) -> None:
        """With the command that cures it."""
        path = write_toml(tmp_path / "config.toml", "dashboard.master_key", "a passphrase of some length")
        path.chmod(mode)

        warnings = load(path, {}).warnings

        assert [warning.endswith(f"chmod 600 {path}") for warning in warnings] == [True] * count


class TestExplain:
    def test_each_value_is_spelled_as_in_the_file_and_reads_back(self, tmp_path: Path) -> None:
        """What it prints, written into a config.toml, gives the same settings."""
        loaded = load(
            None, {variable_of(key): spelled(given) for key, (given, _) in VALUES.items() if "master" not in key}
        )
        path = tmp_path / "config.toml"
        sections: dict[str, list[str]] = {}
        for shown in explain(loaded):
            section, name = shown.key.split(".")
            sections.setdefault(section, []).append(f"{name} = {shown.value}\n")
        path.write_text("".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items()))

        assert load(path, {}).settings == loaded.settings

    @pytest.mark.parametrize(
        "key", ["dashboard.master_key", "dashboard.master_key_command", "tracing.collector_endpoint"]
    )
    def test_what_is_secret_is_masked(self, key: Any) -> None:
        """The key itself, a command that may hold one, what stands before the @ of an address."""
        loaded = load(
            None, {variable_of(key): "https://user:canary-value@host/" if "endpoint" in key else "canary-value 123"}
        )

        shown = {shown.key: shown.value for shown in explain(loaded)}

        assert "****" in shown[key]
        assert "canary" not in "".join(shown.values())
        assert "canary" not in repr(loaded.settings.dashboard.master_key)
