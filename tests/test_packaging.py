"""
What is shipped is what was promised: locked dependencies, the image, the compose file, the check that CI runs.

Read from the files themselves, since a container engine is not on every machine that runs the tests.
"""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [
    *PROJECT["project"]["dependencies"],
    *(one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra),
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
GROUPS = PROJECT["dependency-groups"]
LOCKS = {
    "requirements.lock": RUNTIME,
    "requirements-build.lock": GROUPS["build"],
    "requirements-dev.lock": [*RUNTIME, *GROUPS["build"], *GROUPS["dev"]],
}


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_each_line_is_a_pin_with_hashes_and_names_no_address(self, lock: str) -> None:
        """Whoever installs chooses the index; nobody can swap a file behind a pin."""
        text = (ROOT / lock).read_text()
        blocks = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]

        assert "://" not in text
        assert blocks
        assert [
            block for block in blocks if not re.match(r"[\w.-]+==[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", block)
        ] == []

    @pytest.mark.parametrize("lock", LOCKS)
    def test_it_satisfies_what_the_project_asks_for(self, lock: str) -> None:
        """A dependency that was added or raised without `make lock` is found here."""
        pins = _pins(lock)
        wanted = [Requirement(text) for text in LOCKS[lock]]
        unmet = [
            str(one)
            for one in wanted
            if not one.specifier.contains(pins.get(_canonical(one.name), "0"), prereleases=True)
        ]

        assert unmet == []

    def test_all_locks_agree(self) -> None:
        """What the tests ran with is what the image ships."""
        everything = _pins("requirements-dev.lock")

        assert {
            (lock, name) for lock in LOCKS for name, pin in _pins(lock).items() if everything.get(name) != pin
        } == set()


def _stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile as stages of (instruction, rest), continuation lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    instructions = [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]
    starts = [index for index, (word, _) in enumerate(instructions) if word == "FROM"]
    return [instructions[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


class TestImage:
    def test_it_is_slim_and_what_builds_it_stays_behind(self) -> None:
        """Two stages of one slim base; the last copies the finished environment from the first and installs nothing."""
        build, final = _stages()

        assert {stage[0][1].split()[0] for stage in (build, final)} == {"python:3.11-slim-bookworm"}
        assert ("COPY", "--from=build /opt/runner /opt/runner") in final
        assert not [rest for word, rest in final if word == "RUN" and re.search(r"\b(pip|apt-get|curl)\b", rest)]

    def test_what_it_installs_is_held_against_hashes(self) -> None:
        """No requirement reaches the image but from a lock."""
        installs = [
            part for word, rest in _stages()[0] if word == "RUN" for part in rest.split("&&") if "pip install" in part
        ]

        assert installs
        assert [
            part
            for part in installs
            if not re.search(r"--require-hashes .*-r requirements[\w-]*\.lock|--no-deps --no-index", part)
        ] == []

    @pytest.mark.parametrize(
        ("word", "rest"),
        [
            ("USER", "10001:10001"),
            ("ENTRYPOINT", '["runner"]'),
            ("CMD", '["start", "--config", "/app/config.toml", "--dashboard"]'),
            ("EXPOSE", "8080 3000"),
            ("STOPSIGNAL", "SIGTERM"),
            ("VOLUME", "/app/data"),
            ("WORKDIR", "/app"),
        ],
    )
    def test_it_runs_the_daemon_and_never_as_root(self, word: str, rest: str) -> None:
        """The last stage says so, once."""
        assert [found for instruction, found in _stages()[-1] if instruction == word] == [rest]

    def test_its_dashboard_is_reachable_through_a_published_port(self) -> None:
        """Loopback inside a container is nobody's loopback."""
        assert "RUNNERD_DASHBOARD_HOST=0.0.0.0" in dict(_stages()[-1])["ENV"]

    def test_its_health_check_is_a_program_of_its_own(self) -> None:
        """It is Python, which the image has, and it compiles; it asks whether the process lives."""
        _, _, command = dict(_stages()[-1])["HEALTHCHECK"].partition(" CMD ")
        program = json.loads(command)

        assert program[:2] == ["python", "-c"]
        compile(program[2], "HEALTHCHECK", "exec")
        assert "/healthz" in program[2]

    def test_everything_that_it_copies_is_let_into_the_build(self) -> None:
        """`.dockerignore` lets in what the Dockerfile copies and shuts out the rest."""
        allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        copied = {
            name
            for word, rest in (one for stage in _stages() for one in stage)
            if word == "COPY" and "--from" not in rest
            for name in rest.split()[:-1]
        }

        assert copied == allowed
        assert "\n*\n" in (ROOT / ".dockerignore").read_text()


class TestCompose:
    def test_the_dashboard_is_published_to_this_machine_alone(self) -> None:
        """Triggers are public, the dashboard is not."""
        assert COMPOSE["services"]["runner"]["ports"] == ["8080:8080", "127.0.0.1:3000:3000"]

    def test_a_drain_ends_before_docker_loses_patience(self) -> None:
        """The grace period is longer than `shutdown_timeout`."""
        assert COMPOSE["services"]["runner"]["stop_grace_period"] == "40s"

    def test_no_secret_stands_in_it(self) -> None:
        """Key, address and password come as mounted files; no variable holds a value that looks like one."""
        environment = {**COMPOSE["services"]["runner"]["environment"], **COMPOSE["services"]["postgres"]["environment"]}
        secret = {name for name in environment if re.search("KEY|URL|PASSWORD", name)}

        assert secret == {"RUNNERD_DASHBOARD_MASTER_KEY_FILE", "DATABASE_URL_FILE", "POSTGRES_PASSWORD_FILE"}
        assert all(
            environment[name] == f"/run/secrets/{name.removesuffix('_FILE').removeprefix('RUNNERD_DASHBOARD_').lower()}"
            for name in secret
        )
        assert all(one["file"] == f"./secrets/{name}" for name, one in COMPOSE["secrets"].items())

    def test_runner_waits_for_a_postgres_that_answers(self) -> None:
        """It starts when the database's own check is green."""
        assert COMPOSE["services"]["runner"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert COMPOSE["services"]["postgres"]["image"] == "postgres:16-alpine"
        assert "pg_isready" in COMPOSE["services"]["postgres"]["healthcheck"]["test"][-1]

    def test_workflows_are_mounted_so_that_no_run_can_change_them(self) -> None:
        """Read-only; only the data may be written to."""
        assert COMPOSE["services"]["runner"]["volumes"] == ["./workflows:/app/workflows:ro", "runner-data:/app/data"]
        assert COMPOSE["services"]["runner"]["read_only"] is True


class TestCi:
    @pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
    def test_scripts_stop_at_the_first_failure(self, script: Path) -> None:
        """Each may be executed and begins strictly."""
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in script.read_text()

    @pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy", "lint-imports"])
    def test_check_runs_every_linter(self, command: str) -> None:
        """`make check` is what CI runs before the tests."""
        recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)

        assert recipe
        assert f"/{command}\n" in recipe[1]
        assert "make check" in (ROOT / ".ci/run").read_text()
