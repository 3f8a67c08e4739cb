"""Accounts in their real file: sessions and tokens that end, the audit log that is asked first, many who try at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from runner.accounts.accounts import IDLE_SECONDS, SESSION_SECONDS, SETUP_SECONDS, Accounts, open_accounts
from runner.errors import AccessError, SecretError
from runner.secrets.audit import AuditEntry
from runner.testing import FakeClock

PASSWORD = "ninety red balloons"
MEMORY_KIB = 32


@pytest.fixture
def clock() -> FakeClock:
    """Moved by the tests."""
    return FakeClock()


@pytest.fixture
async def accounts(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Accounts]:
    """With a password."""
    async with open_accounts(tmp_path / "a.db", clock, memory_kib=MEMORY_KIB) as accounts:
        await accounts.set_up(await accounts.offer_setup(), PASSWORD, "127.0.0.1")
        yield accounts


class TestSessions:
    @pytest.mark.parametrize(("step", "steps"), [(IDLE_SECONDS + 1, 1), (IDLE_SECONDS - 60, SESSION_SECONDS // 28_000)])
    async def test_one_ends_when_idle_and_when_old(
        self, accounts: Accounts, clock: FakeClock, step: float, steps: float
    ) -> None:
        """Idle for eight hours it is gone; in use it lives on, and a week at most."""
        session = await accounts.sign_in(PASSWORD, "127.0.0.1")
        lived = []
        for _ in range(int(steps) + 1):
            lived.append(await accounts.session(session))
            await clock.advance(step)

        assert lived[0]
        assert all(lived[:-1])
        assert not await accounts.session(session)

    async def test_nothing_in_the_file_opens_anything(self, accounts: Accounts, tmp_path: Path) -> None:
        """Password, session, token and setup token are in no byte of it, and nobody else may read it."""
        session = await accounts.sign_in(PASSWORD, "127.0.0.1")
        token = await accounts.make_token("deploy", ["run"], by="ann")
        setup = await accounts.offer_setup()
        files = [tmp_path / f"a.db{suffix}" for suffix in ("", "-wal", "-shm")]
        data = b"".join(path.read_bytes() for path in files)

        assert [text for text in (PASSWORD, session, token, token[7:50], setup) if text.encode() in data] == []
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}

    async def test_a_setup_token_is_old_after_half_an_hour(self, accounts: Accounts, clock: FakeClock) -> None:
        """And the one before a newer is dead at once."""
        first, second = await accounts.offer_setup(), await accounts.offer_setup()
        with pytest.raises(AccessError, match="does not count"):
            await accounts.set_up(first, PASSWORD, "127.0.0.1")
        await clock.advance(SETUP_SECONDS + 1)

        with pytest.raises(AccessError, match="does not count"):
            await accounts.set_up(second, PASSWORD, "127.0.0.1")

    async def test_of_many_who_use_one_setup_token_one_wins(self, accounts: Accounts) -> None:
        """Ten at once: one password is set."""
        token, won = await accounts.offer_setup(), []

        async def try_it(number: int) -> None:
            try:
                await accounts.set_up(token, f"password number {number}", "127.0.0.1")
            except AccessError:
                return
            won.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(try_it, number)

        assert len(won) == 1
        assert await accounts.sign_in(f"password number {won[0]}", "127.0.0.1")

    @pytest.mark.parametrize(
        ("password", "told"),
        [("short", "5 characters"), ("a" * 40, "easy"), ("\ud800" * 12, "Unicode"), ("x" * 1001, "1001")],
    )
    async def test_a_password_that_cannot_be_is_told_why(self, accounts: Accounts, password: str, told: str) -> None:
        """Without repeating it, and the token still counts."""
        token = await accounts.offer_setup()
        with pytest.raises(AccessError, match=told) as caught:
            await accounts.set_up(token, password, "127.0.0.1")

        assert password not in str(caught.value)
        await accounts.set_up(token, PASSWORD, "127.0.0.1")


class TestDelays:
    async def test_a_thousand_wrong_passwords_take_days(self, accounts: Accounts, clock: FakeClock) -> None:
        """Each is tried as soon as it is looked at; those that come early are not looked at, nor do they count."""
        begun, looked_at = clock.monotonic(), 0
        for number in range(1000):
            for _ in range(2):
                try:
                    await accounts.sign_in(f"guess number {number}", "10.0.0.1")
                except AccessError as error:
                    if error.reason == "wrong":
                        looked_at += 1
                        break
                    await clock.advance(error.retry_after or 0)

        assert looked_at == 1000
        assert clock.monotonic() - begun > 9 * 86_400

    async def test_who_is_elsewhere_waits_seconds_at_most(self, accounts: Accounts, clock: FakeClock) -> None:
        """Ten thousand wrong ones from everywhere lock nobody out for longer than five seconds."""
        for number in range(120):
            with pytest.raises(AccessError):
                await accounts.sign_in("a wrong password", f"10.0.{number}.1")
            await clock.advance(5)

        await clock.advance(5)
        assert await accounts.sign_in(PASSWORD, "192.168.0.1")

    async def test_a_network_counts_as_one(self, accounts: Accounts) -> None:
        """All addresses of an IPv6 /64 are one machine's."""
        for number in range(6):
            with pytest.raises(AccessError, match="wrong"):
                await accounts.sign_in("a wrong password", f"2001:db8::{number}")

        with pytest.raises(AccessError, match="too many"):
            await accounts.sign_in(PASSWORD, "2001:db8::ffff")

    async def test_guesses_that_come_at_once_are_no_more_than_one_after_the_other(self, accounts: Accounts) -> None:
        """Of twenty from one address six are looked at: those that waited in the queue meanwhile are too many."""
        ends: list[str] = []

        async def guess(number: int) -> None:
            with pytest.raises(AccessError) as caught:
                await accounts.sign_in(f"guess number {number}", "10.0.0.1")
            ends.append(caught.value.reason)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(guess, number)

        assert (ends.count("wrong"), ends.count("delayed")) == (6, 14)

    async def test_many_at_once_are_hashed_one_after_the_other(self, accounts: Accounts) -> None:
        """A hundred who sign in at once: those beyond a short queue are told to come again, and none is lost in between."""
        ends: list[str] = []

        async def try_it(number: int) -> None:
            try:
                await accounts.sign_in(PASSWORD, f"10.1.{number}.1")
            except AccessError as error:
                ends.append(error.reason)
            else:
                ends.append("in")

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(try_it, number)

        assert set(ends) == {"in", "busy"}
        assert len(ends) == 100
        assert ends.count("in") >= 20


class TestTokens:
    async def test_one_ends_at_its_time_and_when_revoked(self, accounts: Accounts, clock: FakeClock) -> None:
        """Another opening of the file sees it at once."""
        text = await accounts.make_token("ci", ["run", "read"], by="ann", expires_at=clock.wall() + 100)
        found = await accounts.token(text, "")
        await clock.advance(101)

        assert found is not None
        assert found.scopes == ("read", "run")
        assert await accounts.token(text, "") is None
        assert await accounts.revoke_token("ci", by="ann")
        assert not await accounts.revoke_token("ci", by="ann")

    async def test_when_it_was_used_is_known_to_the_minute(self, accounts: Accounts, clock: FakeClock) -> None:
        """Without a write for each request."""
        text = await accounts.make_token("ci", ["read"], by="ann")
        await accounts.token(text, "")
        first = (await accounts.tokens())[0].used_at
        await clock.advance(30)
        await accounts.token(text, "")
        soon = (await accounts.tokens())[0].used_at
        await clock.advance(40)
        await accounts.token(text, "")

        assert (first, soon) == (clock.wall() - 70, clock.wall() - 70)
        assert (await accounts.tokens())[0].used_at == clock.wall()

    async def test_wrong_ones_are_delayed_and_the_right_one_never(self, accounts: Accounts) -> None:
        """Guessing 256 bits is hopeless; a program behind the same address goes on."""
        text = await accounts.make_token("ci", ["read"], by="ann")
        for _ in range(6):
            assert await accounts.token(text[:-1] + ("a" if text[-1] != "a" else "b"), "10.0.0.9") is None

        with pytest.raises(AccessError, match="too many"):
            await accounts.token("runner_wrong", "10.0.0.9")
        assert await accounts.token(text, "10.0.0.9") is not None

    @pytest.mark.parametrize(
        ("name", "scopes"), [("", ["read"]), ("a b", ["read"]), ("x" * 65, ["read"]), ("a", []), ("a", ["root"])]
    )
    async def test_one_that_cannot_be_is_refused(self, accounts: Accounts, name: str, scopes: list[str]) -> None:
        """A name that is none, no scope, an unknown one; and a name that is taken."""
        with pytest.raises(AccessError):
            await accounts.make_token(name, scopes, by="ann")

        await accounts.make_token("ok", ["read"], by="ann")
        with pytest.raises(AccessError, match="already"):
            await accounts.make_token("ok", ["read"], by="ann")


class TestAudit:
    async def test_everything_is_written_down_before_it_is_done(self, tmp_path: Path, clock: FakeClock) -> None:
        """Who cannot be audited does not get in, makes no token and revokes none."""
        told: list[str] = []
        refuse = False

        async def audit(entry: AuditEntry) -> None:
            if refuse:
                raise SecretError("the log cannot be written")
            told.append(entry.action)

        async with open_accounts(tmp_path / "a.db", clock, audit, memory_kib=MEMORY_KIB) as accounts:
            await accounts.set_up(await accounts.offer_setup(), PASSWORD, "::1")
            with pytest.raises(AccessError):
                await accounts.sign_in("wrong", "::1")
            await accounts.sign_out(await accounts.sign_in(PASSWORD, "::1"))
            await accounts.make_token("a", ["read"], by="ann")
            await accounts.revoke_token("a", by="ann")
            await accounts.make_token("b", ["read"], by="ann")
            refuse = True
            with pytest.raises(SecretError):
                await accounts.sign_in(PASSWORD, "::1")
            with pytest.raises(SecretError):
                await accounts.make_token("c", ["read"], by="ann")
            with pytest.raises(SecretError):
                await accounts.revoke_token("b", by="ann")
            left = await accounts.tokens()

        assert told == ["password", "login_failed", "login", "logout", "token_made", "token_revoked", "token_made"]
        assert [each.name for each in left] == ["b"]


class TestFile:
    @pytest.mark.parametrize("content", [b"no database" * 100, b""], ids=["text", "empty"])
    async def test_another_file_in_its_place_is_left_alone(
        self, tmp_path: Path, clock: FakeClock, content: bytes
    ) -> None:
        """It is refused in one sentence; an empty one is made into accounts."""
        path = tmp_path / "a.db"
        path.write_bytes(content)

        if content:
            with pytest.raises(AccessError, match=r"a\.db cannot be opened"):
                async with open_accounts(path, clock):
                    pass
            assert path.read_bytes() == content
        else:
            async with open_accounts(path, clock) as accounts:
                assert await accounts.tokens() == []
