"""What an action was sent, seen afterwards: masked, as curl, and beside what the last run that succeeded was sent."""

import html
import re

import httpx
from aiohttp import web

from runner.secrets.policy import PolicyChange
from tests.conftest import OpenServer
from tests.integration.web.conftest import Portal, loaded, started

VALUE = "cAnArY-9f8e7d6c5b4a"
CALLS = """
inputs: {{n: {{type: integer, default: 1}}}}
vars: {{greeting: "hello $input.n"}}
actions:
  - {{id: before, type: set, config: {{key: $secret.API_KEY, list: [7, 8]}}}}
  - id: call
    type: http
    for_each: $action.before.list
    config:
      method: POST
      url: {url}/orders/$item
      query: {{key: $action.before.key, index: $index}}
      headers: {{Authorization: "Bearer $secret.API_KEY"}}
      body: {{text: $vars.greeting, at: "{{{{ now() }}}}", id: "{{{{ uuid() }}}}"}}
  - {{id: one, type: http, config: {{url: "{url}/one/$input.n", headers: {{Authorization: "Bearer $secret.API_KEY"}}}}}}
"""


async def answers(request: web.Request) -> web.StreamResponse:
    """Good, but for the order of the run that is to fail."""
    return web.json_response({"echo": request.path}, status=500 if request.path == "/one/2" else 200)


def sent(page: httpx.Response, id_: str = "sent") -> str:
    """What stands in a value of the page."""
    found = re.search(rf'<details id="{id_}".*?<pre[^>]*>(.*?)</pre>', page.text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


async def test_what_was_sent_is_shown_as_it_was_and_masked(portal: Portal, http_server: OpenServer) -> None:
    """The very body that the server got, time and uuid too; secrets by their names wherever they were used."""
    server = await http_server(answers)
    assert portal.services.vault is not None
    await portal.services.vault.set("API_KEY", VALUE, policy=PolicyChange())
    await loaded(portal, calls=CALLS.format(url=server.url("")))
    run = await started(portal, "calls")
    async with portal.browser() as browser:
        item = await browser.get(f"/runs/{run}/action?place=call%5B1%5D")
        whole = await browser.get(f"/runs/{run}/action?place=call")
        before = await browser.get(f"/runs/{run}/action?place=before")
    got = next(each for each in server.requests if each.path == "/orders/8")
    config = httpx.Response(200, text=sent(item)).json()

    assert config["body"] == httpx.Response(200, content=got.body).json()
    assert config["url"].endswith("/orders/8")
    assert config["query"] == {"key": "[secret API_KEY]", "index": 1}
    assert config["headers"] == {"Authorization": "Bearer [secret API_KEY]"}
    assert """-H 'Authorization: Bearer '"$API_KEY\"""" in html.unescape(item.text)
    assert sent(whole) == ""
    assert httpx.Response(200, text=sent(before)).json() == {"key": "[secret API_KEY]", "list": [7, 8]}
    assert not any(VALUE in page.text for page in (item, whole, before))


async def test_the_last_run_that_succeeded_stands_beside(portal: Portal, http_server: OpenServer) -> None:
    """Its input and output at the same place, not its own; where none succeeded nothing does."""
    server = await http_server(answers)
    assert portal.services.vault is not None
    await portal.services.vault.set("API_KEY", VALUE, policy=PolicyChange())
    text = "inputs: {n: {type: integer}}\nactions:\n" + CALLS.format(url=server.url("")).splitlines()[-1]
    await loaded(portal, calls=text)
    alone = await started(portal, "calls", n=2)
    good = await started(portal, "calls", n=1)
    bad = await started(portal, "calls", n=2)
    async with portal.browser() as browser:
        first = await browser.get(f"/runs/{good}/action?place=one")
        page = await browser.get(f"/runs/{bad}/action?place=one")

    assert alone != bad
    assert "the last that succeeded" not in first.text
    assert f'href="/runs/{good}/action?place=one"' in page.text
    assert sent(page).count("/one/2") == sent(page, "sent-beside").count("/one/1") == 1
    assert "/one/1" in sent(page, "output-beside")
    assert "500" in page.text
    assert VALUE not in page.text + first.text


async def test_what_cannot_be_told_says_why(portal: Portal) -> None:
    """A value that is computed from a masked one may not be computable; an action that never began was sent nothing."""
    assert portal.services.vault is not None
    await portal.services.vault.set("API_KEY", '{"a": "cAnArY-12345"}', policy=PolicyChange())
    await loaded(
        portal,
        parses="""
actions:
  - {id: parse, type: set, config: "{{ ($secret.API_KEY | fromjson).a }}"}
  - {id: halt, type: stop}
  - {id: never, type: set, config: 1}
""",
    )
    run = await started(portal, "parses")
    async with portal.browser() as browser:
        parse = await browser.get(f"/runs/{run}/action?place=parse")
        never = await browser.get(f"/runs/{run}/action?place=never")

    assert "What it was sent cannot be told" in parse.text
    assert "cAnArY" not in parse.text
    assert "cannot be told" not in never.text
    assert sent(never) == ""


LOOPS = """
actions:
  - {id: first, type: set, for_each: [1, 2, 3], config: {n: $item}}
  - id: each
    type: group
    for_each: [10, 20]
    config:
      actions:
        - {id: inner, type: set, for_each: [4, 5], config: {m: "$item"}}
        - {id: named, type: set, config: {inner: $action.inner, all: $action.first, x: $item}}
        - {id: bad, type: set, if: $item > 15, config: "{{ 'x' | int }}"}
  - {id: after, type: set, config: {all: $action.first}}
  - {id: plain, type: set, config: {word: hello}}
finally:
  - {id: last, type: set, config: {all: $action.first, word: "$action.first[2].n"}}
"""


async def test_an_action_sees_the_items_that_it_names_and_a_page_of_an_item_is_as_of_the_whole_run(
    portal: Portal,
) -> None:
    """However much of the journal was passed over for it: other items, loops in an item and around it, a failed run."""
    await loaded(portal, loops=LOOPS)
    run = await started(portal, "loops")
    places = ["each[1]/named", "each[0]/inner[1]", "each[1]/bad", "first[2]", "each[1]"]
    async with portal.browser() as browser:
        alone = [await browser.get(f"/runs/{run}/action", params={"place": place}) for place in places]
        last = await browser.get(f"/runs/{run}/action", params={"place": "last"})
        assert (await browser.get(f"/runs/{run}")).status_code == 200
        again = [await browser.get(f"/runs/{run}/action", params={"place": place}) for place in places]
    first = [{"n": 1}, {"n": 2}, {"n": 3}]

    assert [page.status_code for page in alone] == [200] * len(places)
    assert httpx.Response(200, text=sent(alone[0])).json() == {"inner": [{"m": 4}, {"m": 5}], "all": first, "x": 20}
    assert httpx.Response(200, text=sent(alone[3])).json() == {"n": 3}
    assert httpx.Response(200, text=sent(last)).json() == {"all": first, "word": 3}
    assert 'role="alert"' in alone[2].text
    assert "Inside of it" in alone[4].text
    assert [page.text.partition("<main")[2] for page in alone] == [page.text.partition("<main")[2] for page in again]
