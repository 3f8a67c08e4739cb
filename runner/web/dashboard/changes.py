"""
What changed in a workflow: between two revisions line by line, and between its last success and the failure after it.

    Workflow ──readable()──► YAML without defaults ──difference()──► lines that were added or removed
    Turn, two Accepted, the vault's history ──what_changed()──► revision, inputs, secrets, what started it

Pure. Everything comes from the masked journal and from metadata; a value of a secret is nowhere in it.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import yaml

from runner.clock import iso
from runner.definitions.fields import encode_field
from runner.definitions.model import Workflow
from runner.events import Accepted, Stored
from runner.overviews import Turn
from runner.secrets.content import SecretInfo

_CUT: Final = 200
_MARKS: Final = {"+": "added", "-": "removed", "@": "place"}
_DUMPER: Final[Any] = type("Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
_DUMPER.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def readable(workflow: Workflow) -> str:
    """A revision as YAML, as its file would say it; what is default is left out."""
    return str(yaml.dump(_plain(workflow), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110))


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """The lines of a unified diff, each with `added`, `removed`, `place` or `same`; nothing where both are alike."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return [(_MARKS.get(line[:1], "same"), line) for number, line in enumerate(found) if number > 1]


def what_changed(
    turn: Turn, accepted: tuple[Accepted | None, Accepted | None], secrets: Iterable[SecretInfo]
) -> dict[str, Any]:
    """
    `revisions` (before, after) where they differ, `inputs` that differ, `secrets` set in between, `triggers` where
    another one started it. `secrets` are those that the workflow names.
    """
    good, bad = turn.succeeded, turn.failed
    return {
        "revisions": (good.revision, bad.revision) if good.revision != bad.revision else None,
        "inputs": list(_inputs(*accepted)) if None not in accepted else [],
        "secrets": [
            {"name": info.name, "version": version.version, "at": iso(version.created_at)}
            for info in secrets
            for version in info.history
            if good.accepted_at < version.created_at < (bad.ended_at or bad.accepted_at)
        ],
        "triggers": (good.trigger, bad.trigger) if good.trigger != bad.trigger else None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        kept = {field.encode_name: _plain(getattr(value, field.name)) for field in fields if _is_said(value, field)}
        if (body := kept.pop("body", None)) is not None:
            kept |= body if isinstance(value, Workflow) else {"config": body}
        return kept
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or type(value) in {str, int, float, bool}:
        return value
    return msgspec.to_builtins(value, enc_hook=encode_field)


def _is_said(value: msgspec.Struct, field: msgspec.structs.FieldInfo) -> bool:
    found = getattr(value, field.name)
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return found is not msgspec.UNSET and (default is msgspec.NODEFAULT or found != default)


def _inputs(before: Accepted | None, after: Accepted | None) -> Iterator[dict[str, str]]:
    old, new = _values(before), _values(after)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield {"name": name, "before": _shown(old.get(name)), "after": _shown(new.get(name))}


def _values(accepted: Accepted | None) -> Mapping[str, msgspec.Raw]:
    stored: Stored | None = accepted.inputs if accepted else None
    if stored is None or stored.json is None:
        return {}
    try:
        return msgspec.json.decode(stored.json, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return {}


def _shown(value: msgspec.Raw | None) -> str:
    if value is None:
        return "-"
    text = bytes(value).decode(errors="replace")
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"
