"""What runs wait for an answer to: the Inbox as a browser without JavaScript has it, the API's answer, the counter."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import quote

import httpx

from runner.web.api import run_models
from tests.integration.web.conftest import Portal, form_token, loaded, started
from tests.integration.web.test_api import checked

ASKS = """
description: <b>Refund</b> \u05e9\u05dc\u05d5\u05dd
actions:
  - id: approval
    type: wait
    timeout: 2h
    config:
      callback:
        approved: {type: boolean, description: "Pay it?"}
        method: {type: string, enum: [bank, card], default: card}
        count: {type: integer, default: 3}
        pin: {type: string, secret: true, default: "none-at-all"}
        more: {type: object, default: {}}
output: $action.approval
"""
EACH = """
actions:
  - {id: sites, type: group, for_each: [1, 2], config: {actions: [{id: ask, type: wait, config: {callback: {ok: {type: boolean}}}}]}}
"""


def back(page: str) -> str:
    """Where the forms of a page of the Inbox go."""
    found = re.search(r'method="post" action="(/inbox[^"]*)"', page)
    assert found is not None
    return found[1]


async def sent(
    browser: httpx.AsyncClient, run: str, action: str, *, at: str = "/inbox", **fields: str
) -> httpx.Response:
    """The form of a question, filled in."""
    token = form_token((await browser.get("/inbox")).text)
    typed = {f"field.{name}": text for name, text in fields.items()}
    return await browser.post(at, data={"csrf": token, "run": run, "action": action, **typed})


async def output(portal: Portal, run: str) -> Mapping[str, object]:
    """What an ended run gave."""
    await portal.service.engine.dispatcher.wait(run)
    async with portal.program("read", name="reader") as program:
        found: Mapping[str, object] = (await program.get(f"/api/v1/runs/{run}")).json()["output"]
    return found


async def test_an_empty_inbox_says_how_to_ask(portal: Portal) -> None:
    """And no counter stands in the navigation."""
    async with portal.browser() as browser:
        page = await browser.get("/inbox")

    assert "Nobody waits for an answer." in page.text
    assert "runner runs answer" in page.text
    assert 'id="asking"' not in page.text


async def test_a_question_is_answered_by_its_form(portal: Portal) -> None:
    """Fields by their types and defaults, text as text; the run goes on with the answer, and its page says who gave it."""
    await loaded(portal, asks=ASKS)
    run = await started(portal, "asks")
    async with portal.browser() as browser:
        page = await browser.get("/inbox")
        done = await sent(browser, run, "approval", approved="true", method="", count="", pin="", more="")
        told = await browser.get(done.headers["location"])
        values = await output(portal, run)
        after = await browser.get(f"/runs/{run}")

    assert "&lt;b&gt;Refund&lt;/b&gt; \u05e9\u05dc\u05d5\u05dd" in page.text
    assert re.search(r'id="asking">1<', page.text)
    assert "Pay it?" in page.text
    assert '<option value="card" selected>card</option>' in page.text
    assert 'name="field.count" value="3"' in page.text
    assert "none-at-all" not in page.text
    assert done.status_code == 303
    assert "The answer is on disk" in told.text
    assert "Nobody waits" in told.text
    assert {name: values[name] for name in ("approved", "method", "count", "more")} == {
        "approved": True, "method": "card", "count": 3, "more": {},
    }  # fmt: skip
    assert "was answered at approval by admin" in after.text


async def test_an_answer_that_does_not_fit_comes_back(portal: Portal) -> None:
    """With what is wrong beside its field and what was typed, but for secrets; nothing is answered by it."""
    await loaded(portal, asks=ASKS)
    run = await started(portal, "asks")
    async with portal.browser() as browser:
        wrong = await sent(browser, run, "approval", approved="perhaps", count="many", pin="cAnArY-1234", more="{}")
        forged = await browser.post("/inbox", data={"run": run, "action": "approval", "field.approved": "true"})
        nobody = await sent(browser, "nobody", "approval", approved="true")
        nothing = await browser.post("/inbox", data={"csrf": form_token(wrong.text)})
        still = await browser.get("/inbox")
        good = await sent(browser, run, "approval", approved="false")
        late = await sent(browser, run, "approval", approved="true")

    assert [wrong.status_code, forged.status_code, nobody.status_code, nothing.status_code] == [422, 403, 422, 422]
    assert wrong.text.count('aria-invalid="true"') == 2
    assert 'value="many"' in wrong.text
    assert "cAnArY" not in wrong.text
    assert 'id="asking">1<' in still.text
    assert (good.status_code, late.status_code) == (303, 422)


async def test_a_program_answers_with_values(portal: Portal) -> None:
    """By the id of the wait, or by its place where several wait; only with the scope, once, and as the fields say."""
    await loaded(portal, asks=ASKS, each=EACH)
    asks, each = await started(portal, "asks"), await started(portal, "each")
    path = f"/api/v1/runs/{asks}/actions/approval/answer"
    async with (
        portal.program("run", name="robot") as robot,
        portal.program("read", "secrets", "admin", name="reader") as reader,
    ):
        refused = await reader.post(path, json={"inputs": {"approved": True}})
        wrong = await robot.post(path, json={"inputs": {"approved": "yes"}})
        unknown = [
            await robot.post(f"/api/v1/runs/{run}/actions/{action}/answer", json={})
            for run, action in (("nobody", "approval"), (asks, "nobody"), (asks, "a/b[1]/c"))
        ]
        done = checked(await robot.post(path, json={"inputs": {"approved": True, "count": 5}}), run_models.Answered)
        again = await robot.post(path, json={"inputs": {"approved": True}})
        several = await robot.post(f"/api/v1/runs/{each}/actions/ask/answer", json={"inputs": {"ok": True}})
        one = await robot.post(f"/api/v1/runs/{each}/actions/sites[1]/ask/answer", json={"inputs": {"ok": True}})
        encoded = await robot.post(
            f"/api/v1/runs/{each}/actions/sites%5B0%5D%2Fask/answer", json={"inputs": {"ok": False}}
        )
    values = await output(portal, asks)

    assert refused.status_code == 403
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "inputs.approved")
    assert [answer.status_code for answer in unknown] == [404, 404, 404]
    assert (done.run, done.action) == (asks, "approval")
    assert again.status_code == 409
    assert (several.status_code, several.json()["reason"]) == (409, "ambiguous")
    assert [one.json()["action"], encoded.json()["action"]] == ["sites[1]/ask", "sites[0]/ask"]
    assert values["count"] == 5


async def test_each_item_is_answered_by_its_own_form(portal: Portal) -> None:
    """Two places of one action, whose names hold a slash: each form answers its own, and the run gets both."""
    await loaded(portal, each=EACH + "output: $action.sites\n")
    run = await started(portal, "each")
    async with portal.browser() as browser:
        page = await browser.get("/inbox")
        second = await sent(browser, run, "sites[1]/ask", ok="false")
        first = await sent(browser, run, "sites[0]/ask", ok="true")
        assert (second.status_code, first.status_code) == (303, 303)
        await portal.service.engine.dispatcher.wait(run)
        told = await browser.get(f"/runs/{run}")

    assert all(f'name="action" value="sites[{item}]/ask"' in page.text for item in (0, 1))
    assert all(f"was answered at sites[{item}]/ask by admin" in told.text for item in (0, 1))


async def test_the_counter_says_how_many_wait(portal: Portal) -> None:
    """On every page, to a bound; the Inbox shows fifty a page, each with its form, and one alone from where it is asked."""
    many = EACH.replace("[1, 2]", str(list(range(120)))).replace(
        "config: {actions", "concurrency: 120, config: {actions"
    )
    await loaded(portal, many=many)
    run = await started(portal, "many")
    async with portal.browser() as browser:
        while 'id="asking">99+<' not in (page := await browser.get("/api")).text:
            pass
        pages, following = [], "/inbox"
        while following:
            pages.append((await browser.get(following)).text)
            found = re.search(r'rel="next" href="([^"]+)"', pages[-1])
            following = unescape(found[1]) if found else ""
        asked = [place for each in pages for place in re.findall(r'name="action" value="(sites[^"]+)"', each)]
        place = quote(asked[110])
        told = (await browser.get(f"/runs/{run}/action?place={place}")).text
        alone = await browser.get(unescape(found[1]) if (found := re.search(r'"(/inbox\?run=[^"]+)"', told)) else "")
        again = await sent(browser, run, asked[110], at=unescape(back(alone.text)), ok="perhaps")
        done = await sent(browser, run, asked[60], at=unescape(back(pages[1])), ok="true")
        told = (await browser.get(done.headers["location"])).text
        over = await browser.get("/inbox", params={"run": run, "action": asked[60]})
        beyond = await browser.get("/inbox", params={"after": run, "place": "z"})

    assert page.status_code == 200
    assert [each.count('<form class="card question"') for each in pages] == [50, 50, 20]
    assert len(asked) == len(set(asked)) == 120
    assert f'href="/runs/{run}/action?place=sites%5B' in pages[0]
    assert re.findall(r'name="action" value="([^"]+)"', alone.text) == [asked[110]]
    assert (again.status_code, again.text.count('<form class="card question"')) == (422, 1)
    assert 'aria-invalid="true"' in again.text
    assert re.findall(r'name="action" value="([^"]+)"', told) == [each for each in asked[50:101] if each != asked[60]]
    assert "The answer is on disk" in told
    assert (over.status_code, over.text.count('<form class="card question"')) == (422, 50)
    assert "No further question stands" in beyond.text
