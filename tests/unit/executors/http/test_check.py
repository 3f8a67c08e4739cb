"""What is wrong in an http action's config though its types are right."""

from typing import Any

import pytest

from runner.executors.http import ACTION_TYPE
from runner.ports import WrittenConfig


def problems(raw: dict[str, Any], *templates: str) -> list[tuple[str, str]]:
    found = ACTION_TYPE.check(WrittenConfig({"url": "https://h/", **raw}, frozenset((path,) for path in templates)))
    return [(problem.path, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ({"url": "ftp://h"}, "url", "this url has a scheme other than http and https"),
        ({"url": "http://u:p@h/", "auth": {"bearer": "x"}}, "url", "names a user, and so does auth"),
        ({"proxy": "socks5://h"}, "proxy", "this proxy has a scheme"),
        ({"method": "GE T"}, "method", "expected GET, POST"),
        ({"body": {}, "form": {}}, "form", "one of body, form and multipart, found body and form"),
        ({"method": "TRACE", "body": {}}, "body", "a TRACE request carries nothing"),
        ({"headers": {"A b": "c"}}, "headers.A b", "is no header name"),
        ({"headers": {"Content-Length": 1}}, "headers.Content-Length", "is set by Runner"),
        ({"headers": {"X-A": 1, "x-a": 2}}, "headers.x-a", "are the same header"),
        ({"auth": {"basic": {}, "bearer": "x"}}, "auth", "expected exactly one of basic, digest"),
        ({"auth": {}}, "auth", "found none"),
        (
            {"auth": {"bearer": "x"}, "headers": {"authorization": "y"}},
            "headers.authorization",
            "auth sets this header",
        ),
        ({"auth": {"google": {"service_account": "x"}}}, "auth.google", "one of scopes and audience"),
        ({"paginate": {"items": "$this.body"}}, "paginate", "expected one of next and link"),
        ({"paginate": {"next": "$this.x", "link": "header"}}, "paginate", "expected one of next and link"),
        ({"paginate": {"link": "header", "max_pages": 0}}, "paginate.max_pages", "from 1"),
    ],
)
def test_a_mistake_is_told_with_its_place(raw: Any, path: Any, message: str) -> None:
    """The key path below `config`, and what was expected."""
    found = problems(raw)
    assert [place for place, _ in found] == [path]
    assert message in found[0][1]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"body": {}},
        {"method": "get"},
        {"method": "PROPFIND", "body": "x"},
        {"body": None, "form": {}},
        {"auth": {"basic": {}}},
        {"paginate": {"link": "header"}},
    ],
)
def test_what_is_right_is_not_told(raw: Any) -> None:
    """GET may carry a body: some search interfaces want one."""
    assert problems(raw) == []


def test_what_is_rendered_later_is_not_judged() -> None:
    """A template may become a URL."""
    assert problems({"url": "$input.url", "method": "$input.m", "proxy": "$env.P"}, "url", "method", "proxy") == []
