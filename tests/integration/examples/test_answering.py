"""Examples that answer a caller: registration, notes, a greeting, a payment that is made once."""

from typing import Any

import bcrypt
import jwt
import pytest

from tests.conftest import OpenServer
from tests.integration.examples.conftest import Database
from tests.integration.examples.daemon import Daemon, OpenExamples
from tests.integration.examples.standin import answers, sent

JWT_KEY = "canary-jwt-secret-of-thirty-two-bytes"
NEW_USER = {"email": "ada@example.org", "password": "pa$$ word 12345", "name": "Ada'; drop table users"}


def posted(path: str, body: Any, **more: Any) -> dict[str, Any]:
    """The value of a trigger that a POST with JSON fires."""
    return {"method": "POST", "path": path, "query": {}, "params": {}, "headers": {}, "body": body, **more}


class TestUserRegistration:
    @pytest.fixture
    async def daemon(self, examples: OpenExamples, database: Database) -> Daemon:
        await database.execute(
            "create table users (id serial primary key, email text, name text, password text, status text)"
        )
        return await examples(
            "03-servflow-user-registration", secrets={"DATABASE_URL": database.url, "JWT_SECRET": JWT_KEY}
        )

    async def test_a_new_user_is_kept_and_gets_a_token(self, daemon: Daemon, database: Database) -> None:
        """03: 201; the password lies there as bcrypt, the token is signed, names the user and lasts a day."""
        outcome = await daemon.run("user-registration", trigger=posted("/register", NEW_USER))
        ((email, name, password, state),) = await database.rows("select email, name, password, status from users")
        claims = jwt.decode(outcome.response["body"]["token"], JWT_KEY, algorithms=["HS256"])

        assert (outcome.row.state, outcome.row.stopped_by) == ("succeeded", "created")
        assert (outcome.response["status"], outcome.response["body"]["success"]) == (201, True)
        assert (email, name, state) == (NEW_USER["email"], NEW_USER["name"], "active")
        assert bcrypt.checkpw(NEW_USER["password"].encode(), str(password).encode())
        assert claims["sub"] == NEW_USER["email"]
        assert claims["exp"] == pytest.approx(outcome.row.accepted_at + 86_400, abs=60)

    @pytest.mark.parametrize("missing", ["email", "password", "name"])
    async def test_what_is_not_whole_is_refused(self, daemon: Daemon, database: Database, missing: str) -> None:
        """03: 400 with the reason, and no row."""
        outcome = await daemon.run("user-registration", trigger=posted("/register", NEW_USER | {missing: ""}))

        said = {"success": False, "message": "email, password and name are required"}
        assert outcome.row.stopped_by == "incomplete"
        assert (outcome.response["status"], outcome.response["body"]) == (400, said)
        assert await database.rows("select 1 from users") == []

    async def test_a_user_who_is_there_already_is_refused(self, daemon: Daemon, database: Database) -> None:
        """03: 409, and the first registration stays the only one."""
        outcomes = [await daemon.run("user-registration", trigger=posted("/register", NEW_USER)) for _ in range(2)]

        said = {"success": False, "message": "User with this email already exists"}
        assert outcomes[1].row.stopped_by == "taken"
        assert (outcomes[1].response["status"], outcomes[1].response["body"]) == (409, said)
        assert await database.rows("select count(*) from users") == [(1,)]


class TestNotesCreate:
    @pytest.fixture
    async def daemon(self, examples: OpenExamples, database: Database) -> Daemon:
        await database.execute("create table notes (id serial primary key, title text, content text, owner text)")
        return await examples(
            "04-servflow-testsuite-create", secrets={"JWT_SECRET": JWT_KEY}, env={"DATABASE_URL": database.url}
        )

    async def test_a_note_belongs_to_who_sent_it(self, daemon: Daemon, database: Database) -> None:
        """04: the row as it lies in the table is the answer; its owner is the token's subject."""
        trigger = posted("/notes", {"title": "Tea", "content": "line 1\nline 2"}, auth={"sub": "ada"})
        outcome = await daemon.run("notes-create", trigger=trigger)

        row = {"id": 1, "title": "Tea", "content": "line 1\nline 2", "owner": "ada"}
        assert outcome.output == {"status": "success", "data": row}
        assert await database.rows("select id, title, content, owner from notes") == [tuple(row.values())]

    async def test_a_note_without_content_is_refused(self, daemon: Daemon, database: Database) -> None:
        """04: 400 with a list of errors, and no row."""
        outcome = await daemon.run("notes-create", trigger=posted("/notes", {"title": "Tea"}, auth={"sub": "ada"}))

        assert (outcome.row.state, outcome.row.stopped_by) == ("succeeded", "incomplete")
        assert outcome.response["status"] == 400
        assert outcome.response["body"] == {"errors": ["title and content are required"]}
        assert await database.rows("select 1 from notes") == []


class TestGreeting:
    @pytest.mark.parametrize(("query", "greeting"), [({"name": "Ada"}, "Hello, Ada!"), ({}, "Hello, you!")])
    async def test_the_answer_is_the_built_text(
        self, examples: OpenExamples, query: dict[str, str], greeting: str
    ) -> None:
        """10: what the trigger's `response` makes of the run is the greeting and the time of the run."""
        daemon = await examples("10-servflow-greeting")
        outcome = await daemon.run("greeting", trigger={"method": "GET", "path": "/greeting", "query": query})
        built = outcome.actions["build-greeting"]["value"]

        assert built["greeting"] == greeting
        assert built["timestamp"].startswith("20")
        assert daemon.of_trigger("greeting", "response", "body", action={"build-greeting": built}) == built


class TestIdempotent:
    async def test_the_same_request_twice_does_the_work_once(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """52: the file's key makes the second a duplicate of the first, whose output it gets; another key pays again."""
        bank = await http_server(answers({"POST /payments": {"receipt": 4711}}))
        daemon = await examples("52-aws-idempotent", env={"PAYMENT_URL": bank.url("/payments")})
        runs = []
        for key in ("first", "first", "second"):
            trigger = posted("/pay", {"amount": 5}, headers={"idempotency-key": key})
            dedupe = daemon.of_trigger("idempotent", "deduplicate", trigger=trigger)
            runs.append(await daemon.start("idempotent", trigger=trigger, dedupe=dedupe))
        outputs = [(await daemon.outcome(each.run)).output for each in runs]

        assert [each.verdict == "duplicate" for each in runs] == [False, True, False]
        assert runs[0].run == runs[1].run != runs[2].run
        assert outputs == [{"receipt": 4711}] * 3
        assert sent(bank) == [("POST /payments", {"amount": 5})] * 2
        assert len({request.headers["idempotency-key"] for request in bank.requests}) == 2
