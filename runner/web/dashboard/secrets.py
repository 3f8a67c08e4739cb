"""
Settings → Secrets: what there is and what is missing, add, replace, roll back, delete with what would break.

    /settings/secrets             the list; a secret that a workflow names and nobody set is a row to fill in
    /settings/secrets/add-secret  Add Secret
    /settings/secrets/{name}      one of them: who uses it, its versions, the form that changes it, the one that deletes

A value goes in and never comes out: a form that was wrong comes back without it.
"""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.errors import SecretError
from runner.secrets.documents import secret_document, version_document
from runner.secrets.vault import Vault
from runner.web.api.secrets import users_of
from runner.web.caller import asked_by, parse_form
from runner.web.dashboard.frame import Frame, to
from runner.web.dashboard.secret_form import EMPTY, policy_of, shown_policy, value_of, without_value
from runner.web.services import Services

LIST = "/settings/secrets"
_DONE = {
    "added": "is added: the next action that names it has it.",
    "changed": "is changed; the value before is kept as an older version.",
    "back": "is at an older version again.",
    "deleted": "is deleted with all its versions.",
    "left": "is deleted; bytes of it may stay in the file until nobody reads it any more.",
}


def routes(services: Services, frame: Frame) -> list[Route]:
    """All of them."""
    pages = SecretPages(services, frame)
    one = f"{LIST}/{{name}}"
    return [
        Route(LIST, pages.everything),
        Route(f"{LIST}/add-secret", pages.new, methods=["GET", "POST"]),
        Route(one, pages.one, methods=["GET", "POST"]),
        Route(f"{one}/rollback", pages.rollback, methods=["POST"]),
        Route(f"{one}/delete", pages.delete, methods=["POST"]),
    ]


class SecretPages:
    """The pages over one vault."""

    def __init__(self, services: Services, frame: Frame) -> None:
        self._services = services
        self._frame = frame

    async def everything(self, request: Request) -> Response:
        """The list."""
        vault = self._services.vault
        if vault is None:
            return self._frame.page(request, "no_vault.html", title="Secrets")
        now = self._services.clock.wall()
        known = {info.name: secret_document(info, now) for info in await vault.list()}
        usage = [each for each in await self._services.usage() if each["uses"] or each["name"] in known]
        rows = [{**known.get(each["name"], {}), **each} for each in usage]
        for row in rows:
            row["users"] = _users(row["uses"])
        done = _DONE.get(request.query_params.get("done", ""))
        return self._frame.page(
            request, "secrets.html", title="Secrets", rows=rows, done=done, name=request.query_params.get("name", "")
        )

    async def new(self, request: Request) -> Response:
        """Add Secret: the form, and what it does."""
        vault = self._vault()
        values = {**EMPTY, "name": request.query_params.get("name", "")}
        if request.method != "POST":
            return self._form(request, values)
        form = parse_form(await request.body())
        name = form.get("name", "").strip()
        try:
            await vault.set(
                name,
                value_of(form),
                by=asked_by(request),
                short_ok="short_ok" in form,
                policy=policy_of(form, name),
                if_match=0,
            )
        except SecretError as error:
            return self._form(request, {**EMPTY, **without_value(form)}, error=str(error))
        return to(f"{LIST}?done=added&name={name}")

    async def one(self, request: Request) -> Response:
        """One secret, and what the form that changes it does; without a value the policy alone."""
        vault, name = self._vault(), request.path_params["name"]
        if request.method != "POST":
            return await self._detail(request)
        form = parse_form(await request.body())
        expected = int(form["version"]) if form.get("version", "").isdecimal() else None
        before = await vault.policy(name)
        try:
            change, value = policy_of(form, name, before), value_of(form)
            if value:
                await vault.set(
                    name, value, by=asked_by(request), short_ok="short_ok" in form, policy=change, if_match=expected
                )
            else:
                await vault.change_policy(name, change, by=asked_by(request), if_match=expected)
        except SecretError as error:
            return await self._detail(request, error=str(error), form=without_value(form))
        return to(f"{LIST}?done=changed&name={name}")

    async def rollback(self, request: Request) -> Response:
        """Make an older version the current one."""
        vault, name, form = self._vault(), request.path_params["name"], parse_form(await request.body())
        version = form.get("version", "")
        if not version.isdecimal() or len(version) > 9:  # noqa: PLR2004  no secret has so many
            raise HTTPException(422, "version: expected a number")
        try:
            await vault.rollback(name, int(version), by=asked_by(request))
        except SecretError as error:
            return await self._detail(request, error=str(error))
        return to(f"{LIST}?done=back&name={name}")

    async def delete(self, request: Request) -> Response:
        """Delete it; one that is used takes a second yes."""
        vault, name, form = self._vault(), request.path_params["name"], parse_form(await request.body())
        users = await users_of(self._services, name)
        if users and "force" not in form:
            error = f"{name} is used by {', '.join(users[:20])}: tick the box to delete it all the same."
            return await self._detail(request, error=error)
        is_erased = await vault.delete(name, by=asked_by(request))
        return to(f"{LIST}?done={'deleted' if is_erased else 'left'}&name={name}")

    async def _detail(self, request: Request, *, error: str = "", form: Mapping[str, str] | None = None) -> Response:
        name = request.path_params["name"]
        info = await self._vault().info(name)
        usage = next((each for each in await self._services.usage() if each["name"] == name), None)
        return self._frame.page(
            request,
            "secret.html",
            status=422 if error else 200,
            title=name,
            error=error,
            secret=secret_document(info, self._services.clock.wall()),
            versions=[version_document(name, each) for each in info.history[::-1]],
            users=_users(usage["uses"]) if usage else [],
            last_resolved=usage["last_resolved"] if usage else None,
            sent=usage["hosts"] if usage else {},
            form={**shown_policy(info.policy), **(form or {})},
        )

    def _form(self, request: Request, form: Mapping[str, str], *, error: str = "") -> Response:
        status = 422 if error else 200
        return self._frame.page(request, "add_secret.html", status=status, title="Add Secret", error=error, form=form)

    def _vault(self) -> Vault:
        if self._services.vault is None:
            raise HTTPException(409, "There is no vault, since no master key is set.")
        return self._services.vault


def _users(uses: list[dict[str, Any]]) -> list[str]:
    """Who names it, each once."""
    return list(
        dict.fromkeys(f"{use['workflow']}:{use['action']}" if use["action"] else use["workflow"] for use in uses)
    )
