"""
Let people and programs in: the setup token, the password, sessions, tokens of the API.

    first start ──offer_setup()──► file `setup-token`, 30 minutes ──set_up()──► the password; the token is dead
    password ──sign_in()──► session, in a cookie ──session()──► …   idle, too old, signed out, another password: none
    make_token() ──► shown once ──token()──► its name and scopes

Whatever is made or ended is written to the audit log first, where there is a vault. `runner.web` and `runner tokens`
call it; the file is the truth, so that each sees what the other did.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from runner.accounts import passwords
from runner.accounts.credentials import SCOPES, Scope, digest, is_token, new_session, new_setup_token, new_token
from runner.accounts.delays import Delays
from runner.accounts.rows import Rows, open_rows
from runner.clock import Clock
from runner.errors import AccessError
from runner.secrets.audit import AuditEntry
from runner.secrets.files import make_private

ADMIN: Final = "admin"
"""The one person who has a password, as history and audit name them."""

SETUP_SECONDS: Final = 1800.0
IDLE_SECONDS: Final = 8 * 3600.0
"""How long a session lives without a request."""

SESSION_SECONDS: Final = 7 * 86_400.0
"""How long it lives at most."""

_SEEN_EVERY: Final = 60.0
"""Seconds between two notes of when a session or a token was used."""

_MOST_HASHING: Final = 20
"""Passwords that may wait to be checked, one after the other."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Audit = Callable[[AuditEntry], Awaitable[None]]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; times in wall seconds. Its text is nowhere."""

    name: str
    scopes: tuple[Scope, ...]
    created_at: float
    created_by: str
    expires_at: float | None
    used_at: float | None


@asynccontextmanager
async def open_accounts(
    path: Path, clock: Clock, audit: Audit | None = None, *, memory_kib: int = passwords.MEMORY_KIB
) -> AsyncIterator["Accounts"]:
    """
    The accounts in the file at `path`. `audit` writes to the vault's log; `memory_kib`: what hashing a password takes.

    Raises AccessError, SecretError.
    """
    async with open_rows(path) as rows:
        yield Accounts(rows, path.with_name("setup-token"), clock, audit, memory_kib)


class Accounts:
    """All of them. Every call may raise AccessError (`file`), and SecretError where it cannot be audited."""

    def __init__(self, rows: Rows, setup_path: Path, clock: Clock, audit: Audit | None, memory_kib: int) -> None:
        self.setup_path = setup_path
        self._rows = rows
        self._clock = clock
        self._audit = audit
        self._memory_kib = memory_kib
        self._delays = Delays(clock)
        self._hashing = anyio.Lock()

    # --------------------------------------------------------------------------------------------------- the password

    async def has_password(self) -> bool:
        """Whether the first start is over."""
        return await self._rows.one("password") is not None

    async def is_setup_open(self) -> bool:
        """Whether a setup token would be taken now."""
        return await self._rows.one("setup_is_open", now=self._clock.wall()) is not None

    async def offer_setup(self) -> str:
        """A fresh setup token, in its file too (0600); the one before is dead."""
        text = new_setup_token()
        await self._rows.change("put_setup", digest=digest(text), expires_at=self._clock.wall() + SETUP_SECONDS)
        await anyio.to_thread.run_sync(_write, self.setup_path, text)
        return text

    async def set_up(self, token: str, password: str, address: str) -> None:
        """
        Take the password, for the token; every session ends. Raises AccessError (`delayed`, `setup`, `password`).
        """
        text = passwords.check(password)
        self._check_delay(address)
        values = {"digest": digest(token.strip()), "now": self._clock.wall()}
        if await self._rows.one("setup", **values) is None:
            self._delays.failed(address)
            raise _no_setup()
        async with self._one_at_a_time():
            phc = await anyio.to_thread.run_sync(passwords.hashed, text, self._memory_kib)
        await self._note(AuditEntry("password", "", ADMIN, {"address": address}))
        put = ("put_password", {"hash": phc, "at": self._clock.wall()})
        if not await self._rows.change_together(("use_setup", values), put, ("end_sessions", {})):
            raise _no_setup()
        await anyio.to_thread.run_sync(lambda: self.setup_path.unlink(missing_ok=True))

    async def change_password(self, old: str, new: str, address: str) -> str:
        """
        Another password; every session ends, and a new one begins for whoever changed it: its text.

        Raises AccessError (`delayed`, `busy`, `wrong`, `password`).
        """
        text = passwords.check(new)
        await self._check_password(old, address)
        async with self._one_at_a_time():
            phc = await anyio.to_thread.run_sync(passwords.hashed, text, self._memory_kib)
        await self._note(AuditEntry("password", "", ADMIN, {"address": address}))
        session, now = new_session(), self._clock.wall()
        await self._rows.change_together(
            ("put_password", {"hash": phc, "at": now}),
            ("end_sessions", {}),
            ("add_session", {"digest": digest(session), "now": now}),
        )
        return session

    # --------------------------------------------------------------------------------------------------- sessions

    async def sign_in(self, password: str, address: str) -> str:
        """A new session's text. Raises AccessError (`delayed`, `busy`, `wrong`)."""
        await self._check_password(password, address)
        await self._note(AuditEntry("login", "", ADMIN, {"address": address}))
        text, now = new_session(), self._clock.wall()
        await self._rows.change("forget_sessions", **_ages(now))
        await self._rows.change("add_session", digest=digest(text), now=now)
        return text

    async def session(self, text: str) -> bool:
        """Whether this session lives; it does a while longer then."""
        now = self._clock.wall()
        found = await self._rows.one("session", digest=digest(text), **_ages(now))
        if found is not None and abs(now - found[1]) > _SEEN_EVERY:
            await self._rows.change("see_session", digest=digest(text), now=now)
        return found is not None

    async def sign_out(self, text: str) -> None:
        """End a session."""
        if await self._rows.change("end_session", digest=digest(text)):
            await self._note(AuditEntry("logout", "", ADMIN))

    # --------------------------------------------------------------------------------------------------- tokens

    async def make_token(self, name: str, scopes: Sequence[str], *, by: str, expires_at: float | None = None) -> str:
        """A token's text, which is nowhere from then on. Raises AccessError (`token`, `taken`)."""
        wanted = tuple(scope for scope in SCOPES if scope in scopes)
        if not _NAME.fullmatch(name):
            raise AccessError(
                "A token's name is letters, digits, . _ and -, begins with a letter or digit, and has at most 64.",
                reason="token",
            )
        if not wanted or set(scopes) - set(SCOPES):
            raise AccessError(f"scopes: expected one or more of {', '.join(SCOPES)}", reason="token")
        now = self._clock.wall()
        if expires_at is not None and expires_at <= now:
            raise AccessError("The token's expiry is over already: expected a time to come.", reason="token")
        if await self._rows.one("named_token", name=name) is not None:
            raise _taken(name)
        text = new_token()
        await self._note(AuditEntry("token_made", name, by, {"scopes": wanted, "expires_at": expires_at}))
        row = {"name": name, "digest": digest(text), "scopes": " ".join(wanted), "now": now, "by": by}
        if not await self._rows.change("add_token", **row, expires_at=expires_at):
            raise _taken(name)
        return text

    async def tokens(self) -> list[Token]:
        """All tokens by name, expired ones too."""
        return [_token(row) for row in await self._rows.all("tokens")]

    async def revoke_token(self, name: str, *, by: str) -> bool:
        """End a token now; False where there is none of that name."""
        if await self._rows.one("named_token", name=name) is None:
            return False
        await self._note(AuditEntry("token_revoked", name, by))
        return bool(await self._rows.change("revoke_token", name=name))

    async def token(self, text: str, address: str) -> Token | None:
        """
        The token of that text; None for a wrong, an expired or a revoked one.

        Raises AccessError (`delayed`) for a wrong one from where many came: the right one is never delayed.
        """
        now = self._clock.wall()
        row = await self._rows.one("token", digest=digest(text), now=now) if is_token(text) else None
        if row is None:
            self._check_delay(address)
            self._delays.failed(address)
            return None
        found = _token(row)
        if found.used_at is None or abs(now - found.used_at) > _SEEN_EVERY:
            await self._rows.change("use_token", name=found.name, now=now)
        return found

    # ------------------------------------------------------------------------------------------------ what they share

    async def _check_password(self, password: str, address: str) -> None:
        self._check_delay(address)
        row = await self._rows.one("password")
        async with self._one_at_a_time():
            self._check_delay(address)
            is_right = row is not None and len(password) <= passwords.LONGEST
            if is_right and row is not None:
                is_right = await anyio.to_thread.run_sync(passwords.is_right, password, row[0])
            if not is_right:
                self._delays.failed(address)
        if not is_right:
            await self._note(AuditEntry("login_failed", "", "", {"address": address}))
            raise AccessError("The password is wrong.", reason="wrong")
        self._delays.succeeded(address)

    def _check_delay(self, address: str) -> None:
        seconds = self._delays.wait(address)
        if seconds > 0:
            raise AccessError(
                "There were too many wrong tries; this one was not looked at.", reason="delayed", retry_after=seconds
            )

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        """A hash takes 64 MiB, so there is never more than one."""
        if self._hashing.statistics().tasks_waiting >= _MOST_HASHING:
            raise AccessError("Many sign in at this moment; try again soon.", reason="busy", retry_after=1)
        async with self._hashing:
            yield

    async def _note(self, entry: AuditEntry) -> None:
        if self._audit is not None:
            await self._audit(entry)


def _ages(now: float) -> dict[str, float]:
    return {"born_after": now - SESSION_SECONDS, "seen_after": now - IDLE_SECONDS}


def _no_setup() -> AccessError:
    return AccessError(
        "This setup token does not count: it is wrong, was used, or is older than 30 minutes. "
        "`runner tokens setup` makes another.",
        reason="setup",
    )


def _taken(name: str) -> AccessError:
    return AccessError(f"There is a token {name} already: revoke it first, or take another name.", reason="taken")


def _token(row: tuple[object, ...]) -> Token:
    name, scopes, created_at, created_by, expires_at, used_at = row
    fields = {"created_at": created_at, "created_by": created_by, "expires_at": expires_at, "used_at": used_at}
    return msgspec.convert({"name": name, "scopes": str(scopes).split(), **fields}, Token)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    make_private(path, f"{text}\n".encode())
