"""
The vault of a daemon elsewhere, by its API: values go there and never come back.

    set_afar(api, "API_KEY", value, …) ──PUT──► what may be shown of the secret
    rollback_afar, delete_afar         ──► as the commands of the same name tell of it

`runner.cli.secrets.changing` calls it where `--url` is given.
"""

from typing import Any

import click
import msgspec
from msgspec import UNSET

from runner.client.api import Api
from runner.clock import iso
from runner.errors import SecretMissingError, UsageError
from runner.secrets.policy import PolicyChange


def set_afar(
    api: Api,
    name: str,
    value: str | bytes | None,
    policy: PolicyChange,
    *,
    if_match: int | None,
    short_ok: bool = False,
) -> dict[str, Any]:
    """Set a value, a policy or both; `if_match` 0 makes a new one alone. Raises RunnerError."""
    body = _policy(policy)
    if value is not None:
        body |= {"value": _text(value), "short_ok": short_ok}
    document: dict[str, Any] = api.document("PUT", _path(name), body=body, headers=_expected(if_match))
    return document


def rollback_afar(api: Api, name: str, version: int, *, if_match: int | None) -> bool:
    """Whether anything changed. Raises RunnerError."""
    before = api.document("GET", _path(name))["version"]
    api.ask("POST", f"{_path(name)}/rollback", body={"version": version}, headers=_expected(if_match))
    return bool(before != version)


def delete_afar(api: Api, name: str, *, yes: bool, as_json: bool) -> bool:
    """Whether its bytes are out of the file too; asked before, unless `yes`. Raises RunnerError, click.Abort."""
    api.ask("GET", _path(name))
    if not yes:
        users = ", ".join(_users(api, name))
        told = f"{name} is used by {users}. " if users else ""
        click.confirm(f"{told}Delete {name} with all its versions?", abort=True, err=as_json)
    return bool(api.document("DELETE", _path(name), query={"force": "true"})["erased"])


def show_afar(api: Api, name: str) -> dict[str, Any]:
    """What may be shown of a secret. Raises RunnerError."""
    document: dict[str, Any] = api.document("GET", _path(name))
    return document


def history_afar(api: Api, name: str) -> list[dict[str, Any]]:
    """The kept versions, the newest first. Raises RunnerError."""
    items: list[dict[str, Any]] = api.document("GET", f"{_path(name)}/history")["items"]
    return items


def _path(name: str) -> str:
    if not name.isascii() or not name.isidentifier():
        raise SecretMissingError(f"there is no secret {name[:100]!r}.", name=name)
    return f"/secrets/{name}"


def _users(api: Api, name: str) -> list[str]:
    found = [document for document in map(msgspec.json.decode, api.items("/usage")) if document["name"] == name]
    uses = [use for document in found for use in document["uses"]]
    return list(
        dict.fromkeys(f"{use['workflow']}:{use['action']}" if use["action"] else use["workflow"] for use in uses)
    )


def _policy(change: PolicyChange) -> dict[str, Any]:
    given = {name: getattr(change, name) for name in change.__struct_fields__}
    given = {name: value for name, value in given.items() if value is not UNSET}
    if given.get("expires_at") is not None:
        given["expires_at"] = iso(given["expires_at"])
    return given


def _text(value: str | bytes) -> str:
    try:
        return value if isinstance(value, str) else value.decode()
    except UnicodeDecodeError:
        raise UsageError("the value is not UTF-8 text: with --url expected text") from None


def _expected(if_match: int | None) -> dict[str, str]:
    if if_match is None:
        return {}
    return {"if-match": f'"{if_match}"'} if if_match else {"if-none-match": "*"}
