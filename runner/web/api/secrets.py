"""
`/secrets`: values go in and never come out.

    PUT /secrets/{name}  {value, allowed_hosts, …} ──► a version more      without value: narrower alone
    DELETE               ──► 409 with who uses it, unless `force`

`If-Match: "3"` changes version 3 and no other, `If-None-Match: *` makes a new secret and changes none (412).
"""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runner.errors import VaultKeyError
from runner.secrets.documents import secret_document, version_document
from runner.secrets.policy import UNCHANGED, PolicyChange
from runner.secrets.vault import Vault
from runner.web.api import models
from runner.web.api.endpoints import PREFIX, Asked, Endpoint, Header, Page, json_answer, listed
from runner.web.problems import problem
from runner.web.services import Services

_ETAG: Final = re.compile(r'"(\d{1,9})"')

Names = Annotated[tuple[str, ...], Meta(max_length=100)]


class PutSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value, a policy, or both; what is left out stays, null takes a limit away."""

    value: Annotated[str, Meta(description="Text of 1 byte to 64 KiB.")] | UnsetType = UNSET
    allowed_hosts: Names | UnsetType | None = UNSET
    allowed_workflows: Names | UnsetType | None = UNSET
    expires_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    on_expiry: Literal["warn", "refuse"] | UnsetType = UNSET
    rotate_every: Annotated[float, Meta(gt=0, description="Seconds.")] | UnsetType | None = UNSET
    short_ok: Annotated[bool, Meta(description="Take a value of under 8 characters, which masking may miss.")] = False

    def __repr__(self) -> str:
        return "PutSecret(****)"

    def change(self) -> PolicyChange:
        """What is to be different in the policy."""
        ends = self.expires_at
        return PolicyChange(
            allowed_hosts=self.allowed_hosts,
            allowed_workflows=self.allowed_workflows,
            expires_at=ends.timestamp() if isinstance(ends, datetime) else ends,
            on_expiry=self.on_expiry,
            rotate_every=self.rotate_every,
        )


class Rollback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version is to be the current one again."""

    version: Annotated[int, Meta(ge=1, le=1_000_000_000)]


class DeleteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it is to go though workflows use it."""

    force: bool = False


async def _everything(services: Services, asked: Asked) -> Response:
    now = services.clock.wall()
    documents = [secret_document(info, now) for info in await _vault(services).list()]
    return listed(documents, lambda each: each["name"], asked.query)


async def _usage(services: Services, asked: Asked) -> Response:
    return listed(list(await services.usage()), lambda each: each["name"], asked.query)


async def _one(services: Services, asked: Asked) -> Response:
    return await _shown(services, asked.part("name"))


async def _history(services: Services, asked: Asked) -> Response:
    name = asked.part("name")
    versions = (await _vault(services).history(name))[::-1]
    return json_answer({"items": [version_document(name, each) for each in versions]})


async def _rollback(services: Services, asked: Asked) -> Response:
    name = asked.part("name")
    await _vault(services).rollback(name, asked.body.version, by=asked.by, if_match=_expected(asked))
    return await _shown(services, name)


async def users_of(services: Services, name: str) -> tuple[str, ...]:
    """Who names the secret, as `workflow:action`."""
    found = [each for each in await services.usage() if each["name"] == name]
    return tuple(
        dict.fromkeys(
            f"{use['workflow']}:{use['action']}" if use["action"] else use["workflow"]
            for each in found
            for use in each["uses"]
        )
    )


async def _put(services: Services, asked: Asked) -> Response:
    vault, name, body, change = _vault(services), asked.part("name"), asked.body, asked.body.change()
    expected = _expected(asked)
    if body.value is UNSET:
        if change == UNCHANGED:
            raise HTTPException(422, "there is nothing to change: expected a value, a policy or both")
        await vault.change_policy(name, change, by=asked.by, if_match=expected)
        return await _shown(services, name)
    version = await vault.set(name, body.value, by=asked.by, short_ok=body.short_ok, policy=change, if_match=expected)
    return await _shown(services, name, status=201 if version == 1 else 200)


async def _delete(services: Services, asked: Asked) -> Response:
    vault, name = _vault(services), asked.part("name")
    await vault.info(name)
    users = () if asked.query.force else await users_of(services, name)
    if users:
        shown = ", ".join(users[:20])
        errors = [{"path": user, "message": "uses it"} for user in users]
        return problem(409, f"{name} is used by {shown}: force=true deletes it all the same", errors=errors)
    is_erased = await vault.delete(name, by=asked.by, if_match=_expected(asked))
    return json_answer({"name": name, "deleted": True, "erased": is_erased})


async def _shown(services: Services, name: str, *, status: int = 200) -> Response:
    info = await _vault(services).info(name)
    headers = {"etag": f'"{info.version}"'} | ({"location": f"{PREFIX}/secrets/{name}"} if status != 200 else {})  # noqa: PLR2004  made
    return json_answer(secret_document(info, services.clock.wall()), status, **headers)


def _vault(services: Services) -> Vault:
    if services.vault is None:
        raise VaultKeyError(
            "there is no vault, since no master key is set: set [dashboard] master_key (`runner init` makes one) and "
            "start again"
        )
    return services.vault


def _expected(asked: Asked) -> int | None:
    match, none = asked.header("if-match"), asked.header("if-none-match")
    if none is not None:
        if none.strip() != "*" or match is not None:
            raise HTTPException(422, "If-None-Match: expected *, without If-Match")
        return 0
    if match is None or match.strip() == "*":
        return None
    found = _ETAG.fullmatch(match.strip())
    if found is None:
        raise HTTPException(422, 'If-Match: expected a version such as "3"')
    return int(found[1])


_MATCH: Final = Header("If-Match", 'The version that has to be the current one, `"3"`.', r'^("\d{1,9}"|\*)$')
_NEW: Final = Header("If-None-Match", "`*`: only if there is no such secret yet.", r"^\*$")
_READ: Final[dict[str, Any]] = {"method": "GET", "scope": "secrets"}

ENDPOINTS: Final = (
    Endpoint(
        **_READ,
        path="/secrets",
        summary="Secrets by name, never their values",
        handler=_everything,
        answer=models.SecretList,
        query=Page,
        problems=(503,),
    ),
    Endpoint(
        **_READ,
        path="/usage",
        summary="Who uses which secret",
        handler=_usage,
        answer=models.UsageList,
        query=Page,
    ),
    Endpoint(
        **_READ,
        path="/secrets/{name}",
        summary="One secret",
        handler=_one,
        answer=models.SecretItem,
        problems=(404, 503),
    ),
    Endpoint(
        **_READ,
        path="/secrets/{name}/history",
        summary="The versions of a secret",
        handler=_history,
        answer=models.VersionList,
        problems=(404, 503),
    ),
    Endpoint(
        method="PUT",
        scope="secrets",
        path="/secrets/{name}",
        summary="Set a secret or its policy",
        handler=_put,
        answer=models.SecretItem,
        also=(201,),
        body=PutSecret,
        headers=(_MATCH, _NEW),
        problems=(404, 409, 412, 503),
    ),
    Endpoint(
        method="POST",
        scope="secrets",
        path="/secrets/{name}/rollback",
        summary="Make an old version the current one again",
        handler=_rollback,
        answer=models.SecretItem,
        body=Rollback,
        headers=(_MATCH,),
        problems=(404, 409, 412, 503),
    ),
    Endpoint(
        method="DELETE",
        scope="secrets",
        path="/secrets/{name}",
        summary="Delete a secret with all its versions",
        handler=_delete,
        answer=models.Deleted,
        query=DeleteQuery,
        headers=(_MATCH,),
        problems=(404, 409, 412, 503),
    ),
)
