"""The config of an `http` action as a curl command: what a shell makes of it, with secrets by their names."""

import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from runner.web.dashboard.curl import as_curl


def arguments(config: Mapping[str, Any], **variables: str) -> list[str]:
    """What curl would be called with by a shell that has these variables."""
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + as_curl(config)
    done = subprocess.run(["/bin/sh", "-c", script], env=variables, capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"url": "http://h/"}, ["http://h/", "-L"]),
        ({"url": "http://h/", "method": "put"}, ["http://h/", "-X", "PUT", "-L"]),
        (
            {"url": "http://h/", "query": {"a": [1, 2], "b": None, "c": "x y&z"}},
            ["http://h/", "--url-query", "a=1", "--url-query", "a=2", "--url-query", "c=x y&z", "-L"],
        ),
        (
            {"url": "http://h/", "headers": {"X-A": 'it\'s $HOME `id` \\ "q" !'}},
            ["http://h/", "-H", 'X-A: it\'s $HOME `id` \\ "q" !', "-L"],
        ),
        (
            {"url": "http://h/", "body": {"n": 123456789012345678901234567890}, "follow_redirects": False},
            [
                "http://h/",
                "-H",
                "Content-Type: application/json",
                "--data-binary",
                '{"n":123456789012345678901234567890}',
            ],
        ),
        (
            {"url": "http://h/", "body": "a\nb", "headers": {"content-type": "text/csv"}},
            ["http://h/", "-H", "content-type: text/csv", "--data-binary", "a\nb", "-L"],
        ),
        (
            {"url": "http://h/", "form": {"a": "1"}, "multipart": {"f": "x"}, "verify": False, "proxy": "http://p"},
            ["http://h/", "--data-urlencode", "a=1", "-F", "f=x", "-L", "-k", "-x", "http://p"],
        ),
    ],
)
def test_a_shell_hands_on_what_was_sent(config: Mapping[str, Any], expected: list[str]) -> None:
    """Every character as it was, nothing of it run by the shell."""
    assert arguments(config) == expected


def test_secrets_stand_by_their_names() -> None:
    """As variables within the text, those of the environment under their own names."""
    config = {
        "url": "http://[secret env.HOST]/$KEY",
        "headers": {"Authorization": "Bearer [secret API_KEY]!"},
        "auth": {"basic": {"username": "me", "password": "[secret A, B]"}},
    }

    assert arguments(config, HOST="h", API_KEY="k'1 $x", A__B="nobody", A_B="p") == [
        "http://h/$KEY", "-H", "Authorization: Bearer k'1 $x!", "-u", "me:p", "-L",
    ]  # fmt: skip
    assert arguments({"url": "u", "auth": {"bearer": "[secret T]"}}, T="t")[1:3] == ["-H", "Authorization: Bearer t"]
