"""No secret in any error, fact or log line, however the attempt fails."""

import logging
import traceback
from typing import Any

import anyio
import pytest
from aiohttp import web

from runner.errors import ActionError
from runner.executors.http import HttpExecutor
from tests.conftest import OpenServer
from tests.integration.executors.http.world import CANARY, FakeCall, config, raw, says, secret
from tests.services.http_server import answer


def places(origin: str) -> dict[str, dict[str, Any]]:
    """Configs that carry the secret at each place it can stand."""
    return {
        "url": {"url": secret(f"{origin}/{CANARY}")},
        "host": {"url": secret(f"http://{CANARY}.invalid/")},
        "bad url": {"url": secret(f"http://{CANARY}:x/")},
        "user": {"url": secret(f"http://u:{CANARY}@{origin.split('//')[1]}/")},
        "query": {"url": origin, "query": {"k": secret()}},
        "header": {"url": origin, "headers": {"X": secret()}},
        "bad header": {"url": origin, "headers": {"X": secret(CANARY + "\n")}},
        "surrogate": {"url": origin, "query": {"k": secret(CANARY + "\ud800")}},
        "body": {"url": origin, "body": {"k": secret()}, "method": "POST"},
        "bad body": {"url": origin, "body": {"k": secret(CANARY + "\ud800")}, "method": "POST"},
        "form": {"url": origin, "form": {"k": secret()}, "method": "POST"},
        "bad form": {"url": origin, "form": {"k": {"k": secret()}}, "method": "POST"},
        "multipart": {"url": origin, "multipart": {"k": {"file": secret(f"/nowhere/{CANARY}")}}, "method": "POST"},
        "basic": {"url": origin, "auth": {"basic": {"username": "u", "password": secret()}}},
        "basic name": {"url": origin, "auth": {"basic": {"username": secret(f"{CANARY}:"), "password": "p"}}},
        "digest": {"url": origin, "auth": {"digest": {"username": "u", "password": secret()}}},
        "bearer": {"url": origin, "auth": {"bearer": secret()}},
        "bad bearer": {"url": origin, "auth": {"bearer": secret(CANARY + "\n")}},
        "oauth2": {
            "url": origin,
            "auth": {
                "oauth2": {"token_url": secret(f"{origin}/{CANARY}"), "client_id": "i", "client_secret": secret()}
            },
        },
        "aws": {
            "url": origin,
            "auth": {"aws": {"access_key_id": "i", "secret_access_key": secret(), "region": "r", "service": "s"}},
        },
        "google": {"url": origin, "auth": {"google": {"service_account": secret(CANARY), "scopes": ["s"]}}},
        "proxy": {"url": "http://api.test/", "proxy": secret(f"http://u:{CANARY}@127.0.0.1:1")},
        "proxy host": {"url": "http://api.test/", "proxy": secret(f"http://{CANARY}.invalid")},
        "certificate": {"url": origin, "client_certificate": {"certificate": "/nowhere", "password": secret()}},
    }


FAILURES = {
    "status": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://%b.test/\r\nContent-Length: 0\r\n\r\n" % CANARY.encode(),
    "bad location": b"HTTP/1.1 302 Found\r\nLocation: %b://\r\nContent-Length: 0\r\n\r\n" % CANARY.encode(),
    "json": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{"%b": ' % CANARY.encode(),
    "not http": b"HTTP/1.1 2xx %b\r\n\r\n" % CANARY.encode(),
    "header": b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % CANARY.encode(),
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % CANARY.encode(),
    "encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: 1\r\n\r\nx" % CANARY.encode(),
    "nothing": b"",
}


def shown(error: BaseException) -> str:
    """Everything that could be written of an error: text, repr, traceback with its chain."""
    return "".join([str(error), repr(error), *traceback.format_exception(error), repr(vars(error))])


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_shows_a_secret(
    http: HttpExecutor, caplog: pytest.LogCaptureFixture, failure: Any, http2: Any
) -> None:
    """Twenty-four places times nine failures: error, repr, traceback, facts and the log at debug level are clean."""
    caplog.set_level(logging.DEBUG)
    for logger in ("httpx", "httpcore", "hpack", "h2"):
        logging.getLogger(logger).setLevel(logging.WARNING)  # as the daemon sets them
    async with raw(says(FAILURES[failure])) as server:
        for place, given in places(server.origin).items():
            parsed = config(**given, http2=http2)
            assert CANARY not in repr(parsed), place
            with anyio.fail_after(60), pytest.raises(ActionError) as caught:
                await http.execute(parsed, FakeCall())
            assert CANARY not in shown(caught.value), place
    assert CANARY not in caplog.text


async def test_what_a_server_echoes_is_no_part_of_the_message(http: HttpExecutor, http_server: OpenServer) -> None:
    """The reason phrase, headers and body of the answer stay in the facts, where the recorder masks them."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=400, reason=CANARY, text=request.headers["X"])

    server = await http_server(handler)
    with pytest.raises(ActionError) as caught:
        await http.execute(config(url=server.url(), headers={"X": secret()}), FakeCall())
    assert CANARY not in str(caught.value)
    assert caught.value.facts["body"] == CANARY


async def test_a_url_from_a_secret_is_named_by_the_secret(http: HttpExecutor, http_server: OpenServer) -> None:
    """Its host may be secret as well."""
    server = await http_server(answer({}, status=404))
    with pytest.raises(ActionError, match=r"^GET \[secret SLACK_WEBHOOK\] answered 404$"):
        await http.execute(config(url=secret(server.url("/T0/B0/x"), "SLACK_WEBHOOK")), FakeCall())
