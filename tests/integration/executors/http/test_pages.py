"""More than one page: each way of finding the next, what is kept, and how a repeated attempt goes on."""

from typing import Any

import pytest
from aiohttp import web

from runner.errors import PermanentError, TemporaryError
from runner.executors.http import HttpExecutor
from runner.ports import Result
from tests.conftest import OpenServer
from tests.integration.executors.http.world import FakeCall, config, fetch, secret
from tests.services.http_server import HttpServer


class Shelf:
    """Five items, two a page, by page number or by cursor; says where the next page is in every way at once."""

    def __init__(self) -> None:
        self.server: HttpServer | None = None
        self.fails_at: int | None = None
        self.keys: list[str | None] = []

    async def __call__(self, request: web.Request) -> web.Response:
        assert self.server is not None
        self.keys.append(request.headers.get("Idempotency-Key"))
        page = int(request.query.get("page", "1"))
        if page == self.fails_at:
            return web.json_response({}, status=503)
        items = [{"id": number, "q": request.query.get("q")} for number in range(1, 6)][page * 2 - 2 : page * 2]
        more = page * 2 < 5
        body = {"data": items, "has_more": more, "meta": {"next_page": page + 1 if more else None}}
        if more:
            body["url"] = f"{self.server.origin}/items?page={page + 1}&q=from-link"
            body["relative"] = f"?page={page + 1}"
        links = [f'<{self.server.origin}/items?page={page + 1}&a=1,2>; title="a, b"; rel="next"'] if more else []
        links.append("</items?page=1>; rel=first")
        return web.json_response(
            items if request.query.get("bare") else body, headers={"Link": ", ".join(links), "X-Page": str(page)}
        )


@pytest.fixture
async def shelf(http_server: OpenServer) -> Shelf:
    shelf = Shelf()
    shelf.server = await http_server(shelf)
    return shelf


IDS = [1, 2, 3, 4, 5]


class TestNext:
    @pytest.mark.parametrize(
        ("following", "qs"),
        [
            ("$this.body.url", [None, None, "from-link", "from-link", "from-link"]),
            ("$this.body.relative", [None] * 5),
            ({"page": "$this.body.meta.next_page", "q": "written"}, ["mine", "mine", "written", "written", "written"]),
            ("{{ {'page': $this.body.meta.next_page} if $this.body.has_more else none }}", ["mine"] * 5),
            ("{{ {'page': $this.body.meta.next_page} }}", ["mine"] * 5),
        ],
        ids=["url", "relative", "mapping", "expression of a mapping", "mapping that becomes null"],
    )
    async def test_pages_are_joined(self, http: HttpExecutor, shelf: Shelf, following: Any, qs: Any) -> None:
        """A URL is taken as it is, a mapping overrides the query; status and headers are the last page's."""
        assert shelf.server is not None
        query = {} if qs[0] is None else {"q": "mine"}
        paginate = {"next": following, "items": "$this.body.data"}
        got = await fetch(http, url=shelf.server.url("/items"), query=query, paginate=paginate)
        assert [item["id"] for item in got["body"]] == IDS
        assert [item["q"] for item in got["body"]] == qs
        assert got["headers"]["x-page"] == "3"
        assert len(shelf.server.requests) == 3

    async def test_link_header(self, http: HttpExecutor, shelf: Shelf) -> None:
        """RFC 8288, a comma in the address and in a title included."""
        assert shelf.server is not None
        got = await fetch(http, url=shelf.server.url("/items"), paginate={"link": "header", "items": "$this.body.data"})
        assert [item["id"] for item in got["body"]] == IDS

    async def test_without_items_the_body_is_the_list(self, http: HttpExecutor, shelf: Shelf) -> None:
        """As GitHub's lists are."""
        assert shelf.server is not None
        url = shelf.server.url("/items?bare=1&page=3")
        assert [item["id"] for item in (await fetch(http, url=url, paginate={"link": "header"}))["body"]] == [5]

    async def test_a_single_page(self, http: HttpExecutor, shelf: Shelf) -> None:
        """It is not journaled as a page: its end is the action's."""
        assert shelf.server is not None
        call = FakeCall()
        got = await fetch(
            http,
            call,
            url=shelf.server.url("/items?page=3"),
            paginate={"next": "$this.body.url", "items": "$this.body.data"},
        )
        assert [item["id"] for item in got["body"]] == [5]
        assert call.pages_kept == []

    async def test_each_unsafe_page_has_its_own_key(self, http: HttpExecutor, shelf: Shelf) -> None:
        """The same for the same page on every attempt."""
        assert shelf.server is not None
        paginate = {"next": {"page": "$this.body.meta.next_page"}, "items": "$this.body.data"}
        for _ in range(2):
            await fetch(http, url=shelf.server.url("/items"), method="POST", paginate=paginate)
        assert shelf.keys == [f"{page:032x}" for page in (0, 1, 2)] * 2


class TestBounds:
    async def test_more_pages_than_allowed_are_an_error(self, http: HttpExecutor, shelf: Shelf) -> None:
        """No silent cut; exactly as many are fine."""
        assert shelf.server is not None
        paginate = {"next": "$this.body.url", "items": "$this.body.data"}
        await fetch(http, url=shelf.server.url("/items"), paginate={**paginate, "max_pages": 3})
        with pytest.raises(PermanentError, match=r"has more than max_pages \(2\) pages$") as caught:
            await fetch(http, url=shelf.server.url("/items"), paginate={**paginate, "max_pages": 2})
        assert caught.value.kind == "limit"

    async def test_a_page_that_names_itself_is_an_error(self, http: HttpExecutor, shelf: Shelf) -> None:
        """Rather than a hundred requests."""
        assert shelf.server is not None
        with pytest.raises(PermanentError, match="names the same page as the next"):
            await fetch(
                http,
                url=shelf.server.url("/items?page=1"),
                paginate={"next": "{{ '?page=1' }}", "items": "$this.body.data"},
            )
        assert len(shelf.server.requests) == 1

    @pytest.mark.parametrize(
        ("paginate", "message", "kind"),
        [
            ({"next": "$this.body.url"}, "its body is no list", "response"),
            ({"next": "$this.body.url", "items": "$this.body.meta"}, "its paginate.items is no list", "response"),
            ({"next": "$this.body.url", "items": "$this.body.nothing"}, "^paginate.items: ", "expression"),
            ({"next": "{{ 1 / 0 }}", "items": "$this.body.data"}, "^paginate.next: ", "expression"),
            ({"next": "{{ 12 }}", "items": "$this.body.data"}, "neither a URL nor a mapping nor null", "response"),
            (
                {"next": "{{ 'ftp://h/' }}", "items": "$this.body.data"},
                "the address of its next page has a scheme",
                "response",
            ),
            ({"next": "{{ 'http://u:p@h/' }}", "items": "$this.body.data"}, "holds a user's name", "refused"),
        ],
    )
    async def test_pages_that_make_no_sense(
        self, http: HttpExecutor, shelf: Shelf, paginate: Any, message: str, kind: str
    ) -> None:
        """Each says which key of `paginate` and what was expected."""
        assert shelf.server is not None
        with pytest.raises(PermanentError, match=message) as caught:
            await fetch(http, url=shelf.server.url("/items"), paginate=paginate)
        assert caught.value.kind == kind

    async def test_another_origin_is_refused_with_a_secret(
        self, http: HttpExecutor, shelf: Shelf, http_server: OpenServer
    ) -> None:
        """A next page there would get the header; without a secret it is fetched."""
        assert shelf.server is not None
        other = Shelf()
        other.server = await http_server(other)
        url = shelf.server.url("/items?page=1")
        shelf.server.origin = other.server.origin
        paginate = {"next": "$this.body.url", "items": "$this.body.data"}
        with pytest.raises(PermanentError, match="its next page is at another origin") as caught:
            await fetch(http, url=url, headers={"X-Api-Key": secret()}, paginate=paginate)
        assert caught.value.kind == "refused"
        assert other.server.requests == []
        got = await fetch(http, url=url, headers={"X-Plain": "p"}, paginate=paginate)
        assert [item["id"] for item in got["body"]] == IDS

    async def test_known_headers_stay_behind_at_another_origin(
        self, http: HttpExecutor, shelf: Shelf, http_server: OpenServer
    ) -> None:
        """As with redirects: what is secret by its name does not go there though nothing was marked."""
        assert shelf.server is not None
        other = Shelf()
        other.server = await http_server(other)
        url = shelf.server.url("/items?page=1")
        shelf.server.origin = other.server.origin
        paginate = {"next": "$this.body.url", "items": "$this.body.data"}
        await fetch(http, url=url, headers={"X-Api-Key": "literal", "Host": "v.test"}, paginate=paginate)
        assert "x-api-key" not in other.server.requests[0].headers
        assert other.server.requests[0].headers["host"] == f"127.0.0.1:{other.server.port}"


class TestResume:
    async def attempt(
        self, http: HttpExecutor, shelf: Shelf, kept: list[Result], **more: Any
    ) -> tuple[FakeCall, Result]:
        assert shelf.server is not None
        call = FakeCall(kept=kept)
        paginate = {"next": "$this.body.url", "items": "$this.body.data"}
        try:
            return call, await http.execute(config(url=shelf.server.url("/items"), paginate=paginate, **more), call)
        except TemporaryError:
            return call, Result(None)

    async def test_a_repeated_attempt_fetches_no_page_twice(self, http: HttpExecutor, shelf: Shelf) -> None:
        """Two pages are kept, the third fails; the next attempt asks for the third alone."""
        assert shelf.server is not None
        shelf.fails_at = 3
        first, _ = await self.attempt(http, shelf, [])
        assert [page.value["items"] for page in first.pages_kept] == [
            [{"id": 1, "q": None}, {"id": 2, "q": None}],
            [{"id": 3, "q": "from-link"}, {"id": 4, "q": "from-link"}],
        ]
        shelf.fails_at = None
        before = len(shelf.server.requests)
        _, result = await self.attempt(http, shelf, first.pages_kept)
        assert [item["id"] for item in result.value["body"]] == IDS
        assert len(shelf.server.requests) == before + 1

    async def test_an_attempt_whose_pages_are_all_there_asks_nothing(self, http: HttpExecutor, shelf: Shelf) -> None:
        """A kill between the last page and the action's end."""
        assert shelf.server is not None
        done, _ = await self.attempt(http, shelf, [])
        before = len(shelf.server.requests)
        _, result = await self.attempt(http, shelf, done.pages_kept)
        assert [item["id"] for item in result.value["body"]] == IDS
        assert len(shelf.server.requests) == before

    async def test_labels_move_with_the_items(self, http: HttpExecutor, http_server: OpenServer) -> None:
        """A secret leaf of the second page is labelled where it stands in the joined list."""

        async def handler(request: web.Request) -> web.Response:
            page = int(request.query.get("page", "1"))
            return web.json_response(
                {"data": [{"name": "n"}, {"password": f"p{page}"}], "next": "?page=2" if page == 1 else None}
            )

        server = await http_server(handler)
        paginate = {"next": "$this.body.next", "items": "$this.body.data"}
        result = await http.execute(config(url=server.url(), paginate=paginate), FakeCall())
        assert set(result.labels) == {("body", 1, "password"), ("body", 3, "password")}
