"""
Ask the databases and the vault whether a workflow would find there what it names; nothing is executed.

    Workflow ──every sql action──► connection string resolved ──prepare──► what the database says against a statement
             ──every $secret ────► resolved, never shown ──────────────► what is missing or refused

`runner validate --live` calls it. What only a run can know has no value here: a connection string that is computed from
it is told as not checked, values in statements are left open.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple

import msgspec

from runner.daemon.root import Confidential, known_types, open_confidential, open_executors, system_clock
from runner.definitions.check import every_action
from runner.definitions.fields import decode
from runner.definitions.findings import Findings
from runner.definitions.kinds import leaf_kinds
from runner.definitions.model import Action, Workflow
from runner.definitions.paths import Path, show
from runner.definitions.source import read_text
from runner.definitions.yaml import read_yaml
from runner.engine.plan import Piece, Plan, make_plan
from runner.errors import ActionError, Problem, RunnerError, SecretError
from runner.executors.sql.config import SqlConfig
from runner.executors.sql.executor import SqlExecutor
from runner.expressions.foresee import Unknown, UnknownValueError
from runner.expressions.labels import ABSENT, Absent, Labelled, Names, wrap
from runner.expressions.labels import Path as ValuePath
from runner.expressions.reference import Reference
from runner.expressions.template import Bound, Statement, compile_template
from runner.origins import Origin
from runner.settings import Settings

_UNDECIDED: Final = ("42P18", "42P08", "42725", "42804")
"""PostgreSQL's codes for types that nothing but the values decides."""


class Source(NamedTuple):
    """A workflow with the text that it was read from."""

    workflow: Workflow
    text: str
    file: str


class Live:
    """Looks at workflows, one after the other."""

    def __init__(self, confidential: Confidential, sql: SqlExecutor) -> None:
        self._confidential = confidential
        self._sql = sql

    async def problems(self, source: Source) -> list[Problem]:
        """What would fail, by its place in the file."""
        plan = make_plan(source.workflow, known_types())
        findings = Findings(read_yaml(read_text(source.text.encode(), source.file), source.file))
        found: list[Problem] = []
        is_making = False
        for action, path, _ in every_action(source.workflow.body):
            if action.type != "sql":
                continue
            for key, message, severity in await self._of_action(action, plan, source.workflow.name):
                place = (*path, "config", *key)
                line, column = findings.place(place, 0)
                mild: Literal["error", "warning"] = "warning" if is_making else severity
                found.append(
                    Problem(
                        message=message, file=source.file, line=line, column=column, path=show(place), severity=mild
                    )
                )
            is_making = is_making or _makes(action.config)
        return found + await self._secrets(source, plan)

    async def _of_action(self, action: Action, plan: Plan, workflow: str) -> list[tuple[Path, str, Any]]:
        piece = Piece(compile_template(action.config, leaf_kinds(action.config, SqlConfig)), plan.vars)
        try:
            names = piece.names
            found = await self._confidential.resolver.resolve(names.secrets, names.env, workflow)
            foreseen = piece.template.foresee(_Scope(plan, found))
            assert isinstance(foreseen, Labelled)
            unknown = foreseen.value["connection_string"]
            if isinstance(unknown, Unknown):
                return [(("connection_string",), f"not checked: computed from {unknown.shown}", "warning")]
            config = decode(_open(wrap(foreseen)), SqlConfig)
            told = await self._sql.prepare(config, _Asking(self._confidential, workflow))
        except SecretError:
            return []  # told of the secret itself
        except (RunnerError, msgspec.ValidationError) as error:
            return [((), self._confidential.redactor.text(str(error)), "error")]
        return [(_key(label), self._told(error), _severity(error)) for label, error in told.items()]

    def _told(self, error: ActionError) -> str:
        text = self._confidential.redactor.text(str(error))
        return f"not decided without its values: {text}" if _severity(error) == "warning" else text

    async def _secrets(self, source: Source, plan: Plan) -> list[Problem]:
        """Each name that a piece of the plan needs is asked for once."""
        found: list[Problem] = []
        wanted = [
            (root, name)
            for root in ("secret", "env")
            for name in sorted({each for piece in plan.pieces() for each in _of(piece, root)})
        ]
        for root, name in wanted:
            secrets, env = (frozenset({name} if root == each else ()) for each in ("secret", "env"))
            try:
                await self._confidential.resolver.resolve(secrets, env, source.workflow.name)
            except SecretError as error:
                at = max(0, source.text.find(f"${root}.{name}"))
                line = source.text.count("\n", 0, at) + 1
                column = at - (source.text.rfind("\n", 0, at) + 1) + 1
                found.append(Problem(message=str(error), file=source.file, line=line, column=column))
        return found


@asynccontextmanager
async def open_live(settings: Settings) -> AsyncIterator[Live]:
    """Vault, environment and connections, without a store. Raises SettingsError, SecretError."""
    clock = system_clock()
    async with (
        open_confidential(settings, os.environ, clock, level="error") as confidential,
        open_executors(known_types(), settings, ()) as executors,
    ):
        sql = executors["sql"]
        assert isinstance(sql, SqlExecutor)
        yield Live(confidential, sql)


class _Scope:
    """Secrets and variables have their values, `$vars` what is made of these; all else is unknown."""

    now = 0.0
    seed = b"live"

    def __init__(self, plan: Plan, found: Mapping[tuple[str, str], Labelled]) -> None:
        self._plan = plan
        self._found = found

    def lookup(self, root: str, path: ValuePath) -> tuple[Labelled | Absent, int]:
        """The value, or UnknownValueError."""
        name = str(path[0]) if path else ""
        if (root, name) in self._found:
            return self._found[root, name], 1
        if root == "vars" and name in self._plan.vars:
            value = self._plan.vars[name].template.foresee(self)
            if not isinstance(value, Absent) and not isinstance(value.value, Unknown):
                return value, 1
            return (ABSENT, 1) if isinstance(value, Absent) else self._unknown(root, path)
        return self._unknown(root, path)

    def _unknown(self, root: str, path: ValuePath) -> tuple[Labelled, int]:
        raise UnknownValueError(Unknown(str(Reference(root, path))))


class _Asking:
    """The part of a `runner.ports.Call` that a preparation needs."""

    def __init__(self, confidential: Confidential, workflow: str) -> None:
        self._destinations = confidential.destinations
        self._workflow = workflow
        self.run = self.place = ""
        self.workflow = workflow
        self.attempt = 1
        self.timeout: float | None = None
        self.pages: Sequence[Any] = ()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"nothing is executed, so there is no {name}")

    async def bound(self, names: Names, data: Sequence[bytes] = ()) -> Mapping[str, Sequence[Origin]]:
        """Where secrets may go."""
        return await self._destinations.bound(names, data)

    def sending(self, names: Names, to: Origin) -> None:
        """The connection string's secret is let go to its host."""
        self._destinations.sent(names, str(to))

    def refused(self, secret: str, to: str) -> None:
        """It was not."""
        self._destinations.refused(secret, to, self._workflow)


def _open(value: Any) -> Any:
    """Unknown parts, and values of statements, as nothing: they are never sent."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Statement):
        return Statement(tuple(part if isinstance(part, str) else Bound(part.source, None) for part in value.parts))
    if isinstance(value, dict):
        return {key: _open(item) for key, item in value.items()}
    return [_open(item) for item in value] if isinstance(value, list) else value


def _of(piece: Piece, root: str) -> frozenset[str]:
    return piece.names.secrets if root == "secret" else piece.names.env


def _key(label: str) -> Path:
    name, _, index = label.partition("[")
    return (name, int(index.rstrip("]"))) if index else (name,)


def _makes(config: Any) -> bool:
    """Whether a statement makes or changes tables, so that what follows may need what is not there yet."""
    texts = [config.get("query"), *(config.get("queries") or [])]
    return any(isinstance(text, str) and text.strip().lower().startswith(("create", "alter")) for text in texts)


def _severity(error: ActionError) -> Literal["error", "warning"]:
    return "warning" if error.facts.get("code") in _UNDECIDED else "error"
