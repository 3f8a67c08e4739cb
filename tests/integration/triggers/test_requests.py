"""Requests to http triggers: which run they start, what it sees of them, what they are answered."""

import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.triggers.conftest import Written

ECHO = """
triggers:
  - type: http
    config: {path: "/echo/{id}", auth: none, respond: result, max_body_size: 100KB}
actions: [{id: a, type: set, config: "{{ {'body': $trigger.body, 'raw': $trigger.raw, 'params': $trigger.params,
  'query': $trigger.query, 'headers': $trigger.headers, 'method': $trigger.method, 'path': $trigger.path} }}"}]
output: $action.a
"""

TAKES = """
inputs: {n: {type: integer}, note: {type: string, default: none}}
triggers:
  - type: http
    config: {path: /takes, auth: none}
    if: $trigger.body.go != false
    inputs: {n: $trigger.body.n}
actions: [{id: a, type: set, config: $input.n}]
output: $action.a
"""

BODIES: list[tuple[str, bytes, object]] = [
    ("application/x-www-form-urlencoded", b"a=1&b=x%20y&b=%C3%A9&e=", {"a": "1", "b": ["x y", "é"], "e": ""}),
    ("text/plain; charset=latin-1", b"caf\xe9", "café"),
    ("text/plain", "grüße".encode(), "grüße"),
    ("application/octet-stream", b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
    ("application/vnd.x+json", b"[1]", [1]),
    ("application/json", b"", None),
    ("", b"plain", "plain"),
]
UNREADABLE = [
    (400, "application/json", b'{"n": 1'),
    (400, "application/json", b"NaN"),
    (400, "application/json", b'"\\ud800"'),
    (400, "application/json", b"1" * 5000),
    (400, "application/json", b"[" * 90_000),
    (400, "application/json", b"\xff\xfe"),
    (400, "application/x-www-form-urlencoded", b"a=%ff"),
    (400, "application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(1100))),
    (400, "text/plain", b"\xff"),
    (400, "multipart/form-data", b"--x"),
    (400, "multipart/form-data; boundary=x", b"no part at all"),
    (415, "text/plain; charset=klingon", b"x"),
    (413, "text/plain", b"x" * 100_001),
]


def routed(path: str, method: str = "POST", more: str = "") -> str:
    """A workflow that answers with its own name."""
    return f"""
triggers: [{{type: http, config: {{path: "{path}", method: {method}, auth: none, respond: result{more}}}}}]
actions: [{{id: a, type: set, config: $run.workflow}}]
output: $action.a
"""


class TestWhatARunSees:
    async def test_parts_query_headers_and_json(self, triggers: Written) -> None:
        """Header names are lower case, a repeated name is a list; Cookie and Proxy-Authorization are not there."""
        async with triggers(echo=ECHO) as port:
            answer = await port.post(
                "/echo/a%2Fb?x=1&y=2&y=3",
                content=b'{"n": 12345678901234567890, "text": "\xc3\xa9"}',
                headers={
                    "Content-Type": "application/json",
                    "X-Kind": "k",
                    "Cookie": "c=1",
                    "Proxy-Authorization": "p",
                },
            )
            seen = answer.json()

        assert answer.status_code == 200
        assert answer.headers["runner-run"]
        assert seen["body"] == {"n": 12345678901234567890, "text": "é"}
        assert seen["raw"] == '{"n": 12345678901234567890, "text": "é"}'
        assert seen["params"] == {"id": "a/b"}
        assert seen["query"] == {"x": "1", "y": ["2", "3"]}
        assert seen["headers"]["x-kind"] == "k"
        assert not {"cookie", "proxy-authorization"} & set(seen["headers"])
        assert (seen["method"], seen["path"]) == ("POST", "/echo/a/b")

    async def test_bodies_by_their_media_type(self, triggers: Written) -> None:
        """Forms become mappings, text is text, what is neither comes as base64."""
        async with triggers(echo=ECHO) as port:
            for kind, content, body in BODIES:
                answer = await port.post("/echo/1", content=content, headers={"Content-Type": kind})

                assert answer.json()["body"] == body, kind

    async def test_a_multipart_form(self, triggers: Written) -> None:
        """Fields are texts, a file brings its name, type and content."""
        async with triggers(echo=ECHO) as port:
            answer = await port.post("/echo/1", data={"a": "é"}, files={"f": ("x.bin", b"\x00\x01", "image/png")})

        assert answer.json()["body"] == {
            "a": "é",
            "f": {"filename": "x.bin", "content_type": "image/png", "content": "AAE="},
        }


class TestRefusals:
    async def test_a_body_that_cannot_be_read_starts_nothing(self, triggers: Written) -> None:
        """A problem document says what was expected, and there is no run."""
        async with triggers(echo=ECHO) as port:
            for status, kind, content in UNREADABLE:
                answer = await port.post("/echo/1", content=content, headers={"Content-Type": kind})

                assert answer.status_code == status, content[:20]
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["detail"]
            assert await port.rows() == []

    async def test_a_compressed_body_is_415_and_says_what_is_taken(self, triggers: Written) -> None:
        """So a bomb is never unpacked."""
        async with triggers(echo=ECHO) as port:
            answer = await port.post("/echo/1", content=b"x", headers={"Content-Encoding": "gzip"})

        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")

    async def test_a_body_that_is_too_long_without_saying_so(self, triggers: Written) -> None:
        """It is counted as it comes, and the answer is seen while more is still being sent."""

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b"x" * 10_000

        async with triggers(echo=ECHO) as port:
            answer = await port.post("/echo/1", content=chunks())

        assert (answer.status_code, answer.headers["connection"]) == (413, "close")

    async def test_paths_methods_and_options(self, triggers: Written) -> None:
        """404, 405 with Allow, 204 for OPTIONS; HEAD starts nothing even where GET would."""
        async with triggers(one=routed("/one", "GET"), two=routed("/one", "PUT"), echo=ECHO) as port:
            missing = await port.client.get("/nothing")
            wrong = await port.post("/one")
            head = await port.client.head("/one")
            options = await port.client.options("/one")
            escaped = await port.client.get("/%ff")
            healthy = await port.client.get("/readyz")

            assert (missing.status_code, wrong.status_code, head.status_code) == (404, 405, 405)
            assert wrong.headers["allow"] == options.headers["allow"] == "GET, OPTIONS, PUT"
            assert (options.status_code, escaped.status_code, healthy.status_code) == (204, 400, 200)
            assert await port.rows() == []

    async def test_inputs_that_do_not_fit_are_422_with_each_error(self, triggers: Written) -> None:
        """Path and message, no value; an absent part of the body is named too."""
        async with triggers(takes=TAKES) as port:
            wrong = await port.post("/takes", json={"n": "canary-text"})
            absent = await port.post("/takes", json={})
            ignored = await port.post("/takes", json={"n": 1, "go": False})
            good = await port.post("/takes", json={"n": 7})

            assert wrong.status_code == absent.status_code == 422
            assert wrong.json()["errors"][0]["path"] == "inputs.n"
            assert "canary" not in wrong.text
            assert (ignored.status_code, ignored.json()) == (202, {"ignored": True})
            assert await port.output(good) == 7
            assert good.headers["location"] == f"/api/v1/runs/{good.json()['run']}"
            assert len(await port.rows()) == 1


class TestRoutes:
    async def test_a_literal_beats_a_parameter(self, triggers: Written) -> None:
        """Part by part from the left; where the literal way leads nowhere, the other is taken."""
        files = {
            "literal": routed("/a/new"),
            "parameter": routed("/a/{id}"),
            "deep": routed("/a/new/x"),
            "either": routed("/{any}/new/y"),
            "got": routed("/a/{id}", "GET"),
        }
        async with triggers(**files) as port:

            async def hit(path: str, method: str = "POST") -> str:
                return (await port.client.request(method, path)).text.strip('"')

            assert await hit("/a/new") == "literal"
            assert await hit("/a/%6eew") == "literal"
            assert await hit("/a/old") == "parameter"
            assert await hit("/a/new/x") == "deep"
            assert await hit("/a/new/y") == "either"
            assert await hit("/a/new", "GET") == "got"
            assert (await port.post("/a/")).status_code == 404

    async def test_two_files_with_one_path(self, triggers: Written) -> None:
        """The first goes on, the second is refused and named; it takes the path once the first lets go of it."""
        async with triggers(first=routed("/p/{x}")) as port:
            port.write("second", routed("/p/{y}"))
            await port.until(lambda: port.service.catalogs.broken_count == 1)
            assert (await port.post("/p/1")).json() == "first"
            assert "takes the same requests" in port.service.catalogs.current.problems[0].message

            port.write("first", routed("/moved"))
            await port.until(lambda: port.service.catalogs.broken_count == 0)
            assert (await port.post("/p/1")).json() == "second"
            assert (await port.post("/moved")).json() == "first"

    async def test_a_broken_file_keeps_its_path_until_another_takes_it(self, triggers: Written) -> None:
        """A typo takes no trigger down; a good file that claims the path of a broken one has it."""
        async with triggers(first=routed("/p")) as port:
            port.write("first", "actions: [")
            await port.until(lambda: port.service.catalogs.broken_count == 1)
            assert (await port.post("/p")).json() == "first"

            port.write("second", routed("/p"))
            await port.until(lambda: "second" in port.service.catalogs.current.entries)

            assert (await port.post("/p")).json() == "second"
            assert "first" not in port.service.catalogs.current.entries

    async def test_a_file_that_is_renamed_keeps_answering(self, triggers: Written) -> None:
        """The path goes to the workflow of the new name."""
        async with triggers(first=routed("/p")) as port:
            (port.folder / "workflows" / "first.yaml").rename(port.folder / "workflows" / "renamed.yaml")
            await port.until(lambda: "renamed" in port.service.catalogs.current.entries)

            assert (await port.post("/p")).json() == "renamed"


class TestAnswers:
    @pytest.mark.parametrize(
        ("more", "status", "kind", "body"),
        [
            (", response: {status: 201, headers: {X-A: [1, b]}, body: {n: 1}}", 201, "application/json", b'{"n":1}'),
            (", response: {body: 'hi'}", 200, "text/plain; charset=utf-8", b"hi"),
            (", response: {headers: {Content-Type: image/x}, body: \"{{ 'AAE=' | b64decode }}\"}", 200, "image/x", b"\x00\x01"),
            (", response: {status: 204, body: x}", 204, None, b""),
            ("", 200, "application/json", b'"w"'),
        ],
        ids=["json", "text", "bytes", "no-content", "output"],
    )  # fmt: skip
    async def test_a_response_goes_out_as_written(
        self, triggers: Written, more: str, status: int, kind: str | None, body: bytes
    ) -> None:
        """Status, headers, JSON, text or bytes; without one the output as JSON."""
        async with triggers(w=routed("/w", "POST", more)) as port:
            answer = await port.post("/w")

        assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (status, kind, body)
        if status == 201:
            assert answer.headers.get_list("x-a") == ["1", "b"]

    async def test_stop_answers_too_and_may_fail(self, triggers: Written) -> None:
        """A `stop`'s response goes before the trigger's, with an error as well."""
        text = """
triggers: [{type: http, config: {path: /s, auth: none, respond: result, response: {body: late}}}]
actions:
  - {id: s, type: stop, config: {error: inner-text, response: {status: 418, body: {why: tea}}}}
"""
        async with triggers(s=text) as port:
            answer = await port.post("/s")

        assert (answer.status_code, answer.json()) == (418, {"why": "tea"})

    async def test_a_failed_run_is_500_without_its_text(self, triggers: Written) -> None:
        """The run's id, and nothing from inside."""
        text = """
triggers: [{type: http, config: {path: /f, auth: none, respond: result}}]
actions: [{id: s, type: stop, config: {error: inner-text}}]
"""
        async with triggers(f=text) as port:
            answer = await port.post("/f")
            row = (await port.rows())[0]

        assert answer.status_code == 500
        assert answer.json()["run"] == row.id
        assert "inner-text" not in answer.text

    async def test_headers_cannot_be_injected(self, triggers: Written) -> None:
        """A line break that a caller sends into a header fails the run, and no header of its making goes out."""
        more = ", response: {headers: {X-Echo: $trigger.body}, body: x}"
        async with triggers(h=routed("/h", "POST", more)) as port:
            good = await port.post("/h", content="fine", headers={"Content-Type": "text/plain"})
            bad = await port.post("/h", content="a\r\nX-Evil: 1", headers={"Content-Type": "text/plain"})

        assert good.headers["x-echo"] == "fine"
        assert bad.status_code == 500
        assert "x-evil" not in bad.headers

    async def test_a_long_run_is_202_when_the_time_is_over(self, triggers: Written) -> None:
        """The caller gets the run's id; a caller that hangs up cancels nothing."""
        text = """
triggers: [{type: http, config: {path: /l, auth: none, respond: result, response_timeout: 200ms}}]
actions: [{id: w, type: wait, config: {for: 3s}}]
output: done
"""
        async with triggers(long=text, hung=text.replace("/l,", "/hung,").replace("200ms", "30s")) as port:
            answer = await port.post("/l")
            with pytest.raises(httpx.ReadTimeout):
                await port.post("/hung", timeout=1.5)

            assert await port.output(answer) == "done"
            for row in await port.rows():
                assert (await port.service.engine.dispatcher.wait(row.id)).state == "succeeded"
            assert len(await port.rows()) == 2

    async def test_skip_and_full_queues(self, triggers: Written) -> None:
        """One that is skipped is 202 and ignored, 409 for who waits; a full queue is 429 with Retry-After."""
        busy = """
concurrency: {{limit: 1, {more}}}
triggers:
  - {{type: http, config: {{path: /{path}, auth: none}}}}
  - {{type: http, config: {{path: /{path}/waiting, auth: none, respond: result}}}}
actions: [{{id: w, type: wait, config: {{for: 1h}}}}]
"""
        skip = busy.format(more="when_full: skip", path="skip")
        full = busy.format(more="max_queued: 1", path="full")
        async with triggers(skip=skip, full=full) as port:
            first, second, third = [
                await port.post("/skip"),
                await port.post("/skip"),
                await port.post("/skip/waiting"),
            ]
            answers = [await port.post("/full") for _ in range(3)]

        assert (first.status_code, second.json()) == (202, {"ignored": True, "reason": "skip"})
        assert third.status_code == 409
        assert [each.status_code for each in answers] == [202, 202, 429]
        assert int(answers[2].headers["retry-after"]) > 0
        assert json.loads(answers[2].content)["reason"] == "full"

    async def test_while_it_stops_nothing_new_is_taken(self, triggers: Written) -> None:
        """503 with Retry-After, and so says `/readyz`."""
        async with triggers(w=routed("/w")) as port:
            await port.service.engine.dispatcher.drain(0)
            answer = await port.post("/w")
            ready = await port.client.get("/readyz")

        assert (answer.status_code, answer.json()["reason"]) == (503, "draining")
        assert answer.headers["retry-after"]
        assert ready.status_code == 503
