"""`--url`: the real commands ask a daemon elsewhere by its API, and say what they say beside it."""

import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from aiohttp import web

from tests.acceptance.conftest import Daemon, Installation
from tests.conftest import OpenServer

GREET = """
inputs: {who: {type: string}, times: {type: integer, default: 1}}
actions:
  - {id: hello, type: set, config: "hello $input.who"}
  - {id: each, type: set, for_each: "{{ [1, 2] }}", config: $item}
output: {said: $action.hello, times: $input.times, big: 9007199254740993}
"""
FAILS = "actions:\n  - {id: ends, type: stop, config: {error: no luck}}\n"
TIMES = re.compile(r"\d+(\.\d+)?(ms|s|m\d+s)\b")


class Elsewhere:
    """An installation whose daemon is asked from a folder that has none."""

    def __init__(self, installation: Installation, daemon: Daemon, away: Path) -> None:
        self.beside = installation
        self.daemon = daemon
        self.url = f"http://127.0.0.1:{daemon.wait_for('ready')['dashboard_port']}"
        self.away = away

    def token(self, *scopes: str) -> str:
        """A fresh token of these scopes."""
        name = "-".join(scopes)
        self.beside.run("tokens", "revoke", name)
        made = self.beside.run("tokens", "create", name, "--scope", ",".join(scopes), check=True)
        return made.stdout.decode().strip()

    def run(self, *words: str | Path, token: str, stdin: bytes | None = None) -> tuple[int, str, str]:
        """Status, output and errors of a command in the folder far away."""
        home, self.beside.folder = self.beside.folder, self.away
        try:
            done = self.beside.run(*words, stdin=stdin, environ={"RUNNERD_URL": self.url, "RUNNERD_TOKEN": token})
        finally:
            self.beside.folder = home
        return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def there(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A daemon with two workflows, and a folder far away."""
    installation.write("greet.yaml", GREET)
    installation.write("fails.yaml", FAILS)
    with installation.daemon("--dashboard") as daemon:
        yield Elsewhere(installation, daemon, tmp_path_factory.mktemp("away"))


def test_runs_are_started_shown_and_listed_as_beside_the_daemon(there: Elsewhere) -> None:
    """The same words, the same documents, integers to their last digit; a run that fails is status 1."""
    token = there.token("read", "run")
    status, told, _ = there.run("run", "greet", "-i", "who=you", "-i", "times=3", token=token)
    run = re.findall(r"run (\w{26})", told)[0]
    beside = there.beside.run("run", "greet", "-i", "who=you", "-i", "times=3", check=True).stdout.decode()
    document = json.loads(there.run("run", "greet", "-i", "who=x", "--json", token=token)[1])

    assert status == 0
    assert TIMES.sub("", told).splitlines()[1:-2] == TIMES.sub("", beside).splitlines()[1:-2]
    assert '"big":9007199254740993' in told
    assert document["output"] == {"said": "hello x", "times": 1, "big": 9007199254740993}
    for words in (("runs", "list", "--limit", "1"), ("runs", "show", run, "--json"), ("runs", "list", "--before", run)):
        assert there.run(*words, token=token)[1] == there.beside.run(*words, check=True).stdout.decode(), words
    followed = there.run("runs", "show", run, "--follow", token=token)
    assert followed[0] == 0
    assert "hello: succeeded" in TIMES.sub("", followed[1])
    assert there.run("run", "fails", token=token)[0] == 1


def test_runs_are_cancelled_and_go_on_again(there: Elsewhere) -> None:
    """By the name of the token, as the journal has it."""
    there.beside.write("waits.yaml", "actions: [{id: rest, type: wait, config: {for: 1h}}]\n")
    there.daemon.wait_for("workflows reloaded", workflows=3)
    token = there.token("read", "run")
    with httpx.Client(base_url=there.url, headers={"authorization": f"Bearer {token}"}) as http:
        run = http.post("/api/v1/workflows/waits/runs", json={}).json()["run"]
    cancelled = there.run("runs", "cancel", run, token=token)
    ended = there.run("runs", "show", run, "--follow", "--json", token=token)
    again = there.run("runs", "rerun", run, "--json", token=token)
    there.run("runs", "cancel", run, token=token)
    with httpx.Client(base_url=there.url, headers={"authorization": f"Bearer {token}"}) as http:
        journal = http.get(f"/api/v1/runs/{run}/journal").json()["items"]

    assert [(each["e"], each["by"]) for row in journal for each in row["events"] if each.get("by")] == [
        (kind, "token read-run") for kind in ("cancelling", "rerun", "cancelling")
    ]
    assert cancelled[:2] == (0, f"run {run} will end as cancelled\n")
    assert (ended[0], json.loads(ended[1])["state"]) == (1, "cancelled")
    assert json.loads(again[1])["run"] == run


def test_a_question_is_answered(there: Elsewhere) -> None:
    """Texts are spelled by the fields' types, as beside the daemon; one that does not fit is refused."""
    there.beside.write(
        "asks.yaml", "actions: [{id: ok, type: wait, config: {callback: {n: {type: integer}}}}]\noutput: $action.ok.n\n"
    )
    there.daemon.wait_for("workflows reloaded", workflows=3)
    token = there.token("read", "run")
    with httpx.Client(base_url=there.url, headers={"authorization": f"Bearer {token}"}) as http:
        run = http.post("/api/v1/workflows/asks/runs", json={}).json()["run"]

    assert there.run("runs", "answer", run, "ok", "-i", "n=five", token=token)[0] == 1
    assert there.run("runs", "answer", run, "ok", "-i", "n=5", token=token)[1] == f"run {run}: ok is answered\n"
    assert json.loads(there.run("runs", "show", run, "--follow", "--json", token=token)[1])["output"] == 5


def test_an_item_s_question_is_answered_at_its_place(there: Elsewhere) -> None:
    """`sites[1]/ask` goes over in one piece; the id alone is refused while two wait, and taken for the one that is left."""
    wait = "{id: ask, type: wait, config: {callback: {n: {type: integer}}}}"
    group = f"{{id: sites, type: group, for_each: [1, 2], config: {{actions: [{wait}], output: $action.ask.n}}}}"
    there.beside.write("each.yaml", f"actions: [{group}]\noutput: $action.sites\n")
    there.daemon.wait_for("workflows reloaded", workflows=3)
    token = there.token("read", "run")
    with httpx.Client(base_url=there.url, headers={"authorization": f"Bearer {token}"}) as http:
        run = http.post("/api/v1/workflows/each/runs", json={}).json()["run"]
        while "sites[1]/ask" not in http.get(f"/api/v1/runs/{run}/journal").text:
            pass

    assert "waits at 2 places" in there.run("runs", "answer", run, "ask", "-i", "n=1", token=token)[2]
    said = there.run("runs", "answer", run, "sites[1]/ask", "-i", "n=5", token=token)[1]
    assert said == f"run {run}: sites[1]/ask is answered\n"
    there.run("runs", "answer", run, "ask", "-i", "n=7", token=token)
    assert json.loads(there.run("runs", "show", run, "--follow", "--json", token=token)[1])["output"] == [7, 5]


def test_workflows_are_listed_paused_and_checked(there: Elsewhere) -> None:
    """A broken file stands on top, whatever its name; a file of this folder is checked by the daemon there, under its own name."""
    token = there.token("read", "run")
    there.beside.write("zzz.yaml", "actions: 5\n")
    there.daemon.wait_for("workflows reloaded", broken=1)
    bad = there.away / "bad.yaml"
    bad.write_text("actions:\n  - {id: a, type: nosuch}\n")

    for words in (("workflows", "list", "--json"), ("workflows", "show", "greet", "--json")):
        assert there.run(*words, token=token)[1] == there.beside.run(*words, check=True).stdout.decode(), words
    assert there.run("workflows", "pause", "greet", token=token)[0] == 0
    assert "by token read-run" in there.beside.run("workflows", "show", "greet", check=True).stdout.decode()
    assert there.run("workflows", "resume", "greet", token=token)[0] == 0
    status, told, _ = there.run("validate", bad, token=token)
    assert status == 1
    assert told.startswith(f"{bad}:2:")
    assert there.run("validate", there.beside.folder / "workflows" / "greet.yaml", token=token)[0] == 0


def test_secrets_go_there_and_never_come_back(there: Elsewhere) -> None:
    """Set, listed, rolled back, deleted; the value is in nothing that was said or kept, the audit log names the token."""
    token, value = there.token("secrets", "admin"), "s3cret-of-elsewhere"
    assert (
        there.run("secrets", "set", "FAR", "-", "--allowed-host", "a.example.com", token=token, stdin=value.encode())[0]
        == 0
    )
    assert there.run("secrets", "set", "FAR", "-", token=token, stdin=b"another-value-of-it")[0] == 0
    assert there.run("secrets", "set", "FAR", "-", "--new", token=token, stdin=b"another-value-of-it")[0] == 1
    assert there.run("secrets", "set", "FAR", "-", "--if-match", "1", token=token, stdin=b"another-value-of-it")[0] == 1
    for words in (("secrets", "list"), ("secrets", "show", "FAR"), ("secrets", "history", "FAR"), ("secrets", "usage")):
        assert there.run(*words, token=token)[1] == there.beside.run(*words, check=True).stdout.decode(), words
    assert there.run("secrets", "rollback", "FAR", "1", token=token)[1] == "FAR is at version 1 again\n"
    assert there.run("secrets", "rollback", "FAR", "1", token=token)[1] == "FAR is at version 1 already\n"
    assert "a.example.com" in there.run("secrets", "policy", "FAR", "--rotate-every", "9d", "--json", token=token)[1]
    assert there.run("secrets", "audit", "--verify", token=token)[1].startswith("the audit log is whole")
    assert "token secrets-admin" in there.run("secrets", "audit", token=token)[1]
    assert there.run("secrets", "delete", "FAR", "--yes", token=token)[1] == "FAR is deleted\n"
    assert there.run("secrets", "show", "FAR", token=token)[0] == 1
    assert there.beside.leaks(value) == []
    assert token not in there.beside.said.decode().replace(f"{token}\n", "", 1)


def test_what_is_refused_says_why(there: Elsewhere) -> None:
    """A token that lacks a scope, none, a wrong one, a file to run, what only the machine itself can do."""
    reader = there.token("read")
    assert "this token lacks the scope 'run'" in there.run("run", "fails", token=reader)[2]
    assert "RUNNERD_TOKEN" in there.run("runs", "list", token="")[2]
    assert "wrong, expired or revoked" in there.run("runs", "list", token="nonsense")[2]
    file = there.beside.folder / "workflows" / "greet.yaml"
    status, _, said = there.run("run", file, token=reader)
    assert (status, said.count("\n")) == (2, 1)
    assert f"{file}: a file runs beside its daemon alone: put it into the workflows folder" in said
    assert "run it by its NAME, or leave --url (RUNNERD_URL) out" in said
    assert there.run("runs", "show", "nosuchrun", token=reader)[0] == 1
    status, _, said = there.run("secrets", "audit", "--new-key", token=reader)
    assert (status, "beside the vault alone" in said) == (2, True)
    assert there.run("runs", "list", token="two words")[0] == 2


def test_a_token_comes_from_a_file_and_goes_over_no_plain_network(there: Elsewhere, tmp_path: Path) -> None:
    """`http://` to another machine is refused before anything is sent; the address holds no password."""
    file = tmp_path / "token"
    file.write_text(there.token("read") + "\n")
    run = there.beside.run

    assert run("runs", "list", "--url", there.url, "--token-file", file).returncode == 0
    plain = run("runs", "list", "--url", "http://192.0.2.1:3000", "--token-file", file)
    assert (plain.returncode, b"not encrypted" in plain.stderr) == (2, True)
    assert run("runs", "list", "--url", "http://me:hidden@127.0.0.1", "--token-file", file).returncode == 2
    assert run("runs", "list", "--token-file", file).returncode == 2
    assert run("runs", "list", "--url", "nonsense").returncode == 2


async def test_what_answers_in_the_place_of_runner_is_said(
    installation: Installation, http_server: OpenServer, tmp_path: Path
) -> None:
    """Nobody, another server, a redirect, an older daemon, a certificate that nobody vouches for until its authority is named."""
    answers: dict[str, tuple[int, str]] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        status, text = answers.get(request.path, answers["*"])
        return web.Response(status=status, text=text, headers={"location": "http://192.0.2.1/"})

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server, secure = await http_server(handler), await http_server(handler, tls=context)

    async def said(origin: str, **environ: str) -> str:
        done = await installation.arun("runs", "list", "--url", origin, environ={"RUNNERD_TOKEN": "t0ken", **environ})
        return f"{done.returncode} {done.stderr.decode()}{done.stdout.decode()}"

    answers["*"] = (200, "<html>")
    assert "says no version" in await said(server.origin)
    answers["*"] = (404, "<html>")
    assert "not as the API of Runner" in await said(server.origin)
    answers["*"] = (302, "")
    assert "leads elsewhere" in await said(server.origin)
    answers["*"] = (404, '{"detail": "there is nothing at /api/v1/runs"}')
    answers["/api/v1/health"] = (200, '{"version": "0.0.1"}')
    assert "is version 0.0.1" in await said(server.origin)
    assert "no daemon answers" in await said("http://127.0.0.1:9")
    assert "not trusted" in await said(secure.origin)
    answers["*"] = (200, '{"items": [], "next": null}')
    assert "0 no runs" in await said(secure.origin, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    assert "no TLS there" in await said(server.origin.replace("http://", "https://"))
