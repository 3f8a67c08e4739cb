"""The start page and the page of a workflow, as a browser without JavaScript has them, over a whole daemon."""

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

import anyio
import httpx
import pytest

from runner.definitions.catalog import Catalog
from runner.secrets.policy import PolicyChange
from tests.integration.web.conftest import Portal, form_token

INPUTS = """
description: A report.
inputs:
  count: {type: integer, description: How many}
  mode: {type: string, enum: [fast, slow], default: fast}
  really: {type: boolean, default: false}
  tags: {type: array, default: [a, b]}
  note: {type: string, default: hello}
  token: {type: string, secret: true}
triggers:
  - {type: schedule, config: {cron: "0 6 1 1 *"}, inputs: {count: 1, token: "a-long-default"}}
actions:
  - {id: look, type: set, config: {n: $input.count, m: $input.mode, r: $input.really, t: $input.tags, x: $input.note}}
  - {id: judge, type: stop, if: $input.count > 5, config: {error: too many}}
output: $action.look
"""
PLAIN = "actions: [{id: a, type: set, config: 1}]\n"


async def until(portal: Portal, holds: Callable[[Catalog], object]) -> None:
    """Wait until the catalog in force is as it should be."""
    there = anyio.Event()

    def look(catalog: Catalog) -> None:
        if holds(catalog):
            there.set()

    portal.service.catalogs.follow(look)
    look(portal.service.catalogs.current)
    with anyio.fail_after(30):
        await there.wait()


async def put(portal: Portal, name: str, text: str) -> None:
    """Write a workflow's file, and wait until it is in force."""
    (portal.folder / "workflows" / f"{name}.yaml").write_text(text)
    await until(portal, lambda catalog: (entry := catalog.entries.get(name)) is not None and entry.source == text)


async def spoil(portal: Portal, name: str, text: str) -> None:
    """Write a file that is wrong, and wait until it is known to be."""
    (portal.folder / "workflows" / f"{name}.yaml").write_text(text)
    await until(portal, lambda catalog: any(each.source == text for each in catalog.broken))


async def send(browser: httpx.AsyncClient, path: str, fields: Mapping[str, str] | None = None) -> httpx.Response:
    """A form of the workflow's page."""
    page = await browser.get(path.rpartition("/")[0])
    return await browser.post(path, data={"csrf": form_token(page.text), **(fields or {})})


async def ran(portal: Portal, browser: httpx.AsyncClient, name: str, **inputs: str) -> str:
    """The id of a run that was started by the form and has ended."""
    fields = {f"input.{key}": value for key, value in inputs.items()}
    done = await send(browser, f"/workflows/{name}/run", fields)
    assert done.status_code == 303, done.text
    run = str(done.headers["location"]).removeprefix("/runs/")
    await portal.services.running.wait(run)
    return run


def words(page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


class TestStartPage:
    async def test_a_row_tells_triggers_next_firing_runs_rate_and_why_the_last_failed(self, portal: Portal) -> None:
        """All without a click: the strip's links have the state as a word and in their title."""
        async with portal.browser() as browser:
            await put(portal, "report", INPUTS)
            good = await ran(portal, browser, "report", count="1", token="abcdefghij")
            bad = await ran(portal, browser, "report", count="6", token="abcdefghij")
            page = (await browser.get("/")).text

        row = page[page.index("<tbody>") :]
        assert "0 6 1 1 *" in row
        assert re.search(r'<time datetime="\d{4}-01-01T06:00:00', row)
        strip = re.findall(
            r'<a class="(\w+)" href="/runs/(\w+)" title="(\w+) [^"]+"><span[^>]*>(.)</span><span[^>]*>(\w+)', row
        )
        assert strip == [
            ("succeeded", good, "succeeded", "✓", "succeeded"),
            ("failed", bad, "failed", "✕", "failed"),
        ]
        assert "50 %" in row
        assert f'href="/runs/{bad}">Failed at judge</a>: too many' in row
        assert 'href="/workflows/report#run"' in row

    async def test_what_takes_no_inputs_is_started_right_there(self, portal: Portal) -> None:
        """One click: a form of the start page, which leads to the run."""
        async with portal.browser() as browser:
            await put(portal, "plain", PLAIN)
            page = (await browser.get("/")).text
            done = await browser.post("/workflows/plain/run", data={"csrf": form_token(page)})

        assert 'action="/workflows/plain/run"' in page
        assert re.fullmatch(r"/runs/\w{26}", done.headers["location"])

    async def test_broken_files_are_on_top_with_what_still_runs(self, portal: Portal) -> None:
        """Each with line, column and message; one with a version from before, one with nothing."""
        async with portal.browser() as browser:
            await put(portal, "kept", PLAIN)
            await spoil(portal, "kept", "actions: [{id: a, type: nothing}]\n")
            await spoil(portal, "never", "actions: 5\n")
            page = (await browser.get("/")).text

        assert page.index("never.yaml") < page.index("<tbody>")
        assert "kept.yaml cannot be loaded. The version of kept from before still runs. 1:25 actions[0].type" in words(
            page
        )
        assert "never.yaml cannot be loaded. Nothing runs in its place. 1:10 actions expected" in words(page)
        assert 'href="/workflows/kept#file-1"' in page

    async def test_a_search_finds_by_name_description_and_label(self, portal: Portal) -> None:
        """All words of it, whatever the case; none found says so."""
        async with portal.browser() as browser:
            await put(portal, "one", f"description: Ärger mit Rechnungen\nlabels: {{team: Orders}}\n{PLAIN}")
            await put(portal, "two", PLAIN)
            found = [
                re.findall(
                    r'<th scope="row"><a href="/workflows/(\w+)"', (await browser.get("/", params={"text": text})).text
                )
                for text in ("ärger TEAM=orders", "two", "one two")
            ]

        assert found == [["one"], ["two"], []]

    async def test_many_workflows_are_pages_with_one_question_for_all_strips(self, portal: Portal) -> None:
        """Fifty rows, then the others; the store is asked once."""
        asked: list[int] = []
        overviews: Any = portal.services.overviews
        strips = overviews.strips

        async def counted(workflows: list[str], most: int) -> object:
            asked.append(len(workflows))
            return await strips(workflows, most)

        for number in range(53):
            (portal.folder / "workflows" / f"w{number:02}.yaml").write_text(PLAIN)
        await until(portal, lambda catalog: len(catalog.entries) == 53)
        async with portal.browser() as browser:
            overviews.strips = counted
            first, second = await browser.get("/"), await browser.get("/?from=50")

        assert asked == [50, 3]
        assert "1 to 50 of 53" in words(first.text)
        assert 'href="/?from=50"' in first.text
        assert [name for name in ("w49", "w50", "w52") if f">{name}</a>" in second.text] == ["w50", "w52"]
        assert first.headers["content-encoding"] == "gzip"


class TestRunForm:
    async def test_each_type_has_its_field_and_a_run_gets_what_was_typed(self, portal: Portal) -> None:
        """Choices for what is one of few, a password field for a secret; numbers keep every digit."""
        async with portal.browser() as browser:
            await put(portal, "report", INPUTS)
            page = (await browser.get("/workflows/report")).text
            many = "123456789012345678901234567890"
            typed = {
                "count": f"-{many}",
                "mode": "slow",
                "really": "true",
                "tags": '["ä"]',
                "note": "",
                "token": "abcdefghij",
            }
            run = await ran(portal, browser, "report", **typed)
            row = await portal.services.records.get(run)

        assert re.search(r'<input value="" dir="auto" inputmode="numeric"[^>]* name="input.count"[^>]* required', page)
        assert '<option value="fast" selected>fast</option><option value="slow">' in page
        assert '<option value="true">true</option><option value="false" selected>' in page
        assert re.search(r'<textarea[^>]* name="input.tags"[^>]*>\[&#34;a&#34;,&#34;b&#34;\]</textarea>', page)
        assert re.search(r'<input type="password" autocomplete="off"[^>]* name="input.token"', page)
        assert row is not None
        assert (row.state, row.trigger) == ("succeeded", "hand")
        assert row.output is not None
        assert row.output.decode() == f'{{"n":-{many},"m":"slow","r":true,"t":["ä"],"x":""}}'

    @pytest.mark.parametrize(
        ("inputs", "name", "said"),
        [
            ({"count": "1.5", "token": "s3cret-of-mine"}, "count", "wants an integer such as 5"),
            ({"token": "s3cret-of-mine"}, "count", "missing, and it has no default"),
            ({"count": "1", "mode": "rapid", "token": "s3cret-of-mine"}, "mode", "expected one of fast, slow"),
            ({"count": "1", "tags": "[1", "token": "s3cret-of-mine"}, "tags", "wants a JSON list such as [1, 2]"),
        ],
    )
    async def test_what_is_wrong_is_said_beside_its_field(
        self, portal: Portal, inputs: dict[str, str], name: str, said: str
    ) -> None:
        """The other fields come back as they were typed, a secret one empty; no run was started."""
        async with portal.browser() as browser:
            await put(portal, "report", INPUTS)
            fields = {f"input.{key}": value for key, value in {"note": "kept <note>", **inputs}.items()}
            done = await send(browser, "/workflows/report/run", fields)
            counts = await portal.services.counts()

        field = re.search(
            rf'id="(input-\d)" name="input.{name}" aria-describedby="([^"]+)" aria-invalid="true"', done.text
        )
        assert done.status_code == 422
        assert field is not None
        assert field[2].endswith(f"{field[1]}-error")
        error = re.search(rf'id="{field[1]}-error">([^<]+)<', done.text)
        assert error is not None
        assert said in unescape(error[1])
        assert 'value="kept &lt;note&gt;"' in done.text
        assert "s3cret-of-mine" not in done.text
        assert sum(counts.values()) == 0

    async def test_the_same_form_starts_one_run_however_often_it_is_sent(self, portal: Portal) -> None:
        """Two clicks on one page lead to the same run; the page loaded anew starts another."""
        async with portal.browser() as browser:
            await put(portal, "plain", PLAIN)
            page = (await browser.get("/workflows/plain")).text
            once = re.search(r'name="once" value="(\w+)"', page)
            assert once is not None
            fields = {"csrf": form_token(page), "once": once[1]}
            places = [(await browser.post("/workflows/plain/run", data=fields)).headers["location"] for _ in range(2)]
            other = await ran(portal, browser, "plain")

        assert places[0] == places[1] != f"/runs/{other}"

    @pytest.mark.parametrize("does", ["run", "pause", "resume"])
    async def test_no_form_works_without_its_token(self, portal: Portal, does: str) -> None:
        """Nor with another session's; nothing happened."""
        async with portal.browser() as browser:
            await put(portal, "plain", PLAIN)
            answers = [
                await browser.post(f"/workflows/plain/{does}", data=fields) for fields in ({}, {"csrf": "0" * 64})
            ]
            counts = await portal.services.counts()
            paused = (await portal.services.named("plain"))[0]["paused"]

        assert [answer.status_code for answer in answers] == [403, 403]
        assert sum(counts.values()) == 0
        assert paused is None


class TestWorkflowPage:
    async def test_triggers_are_paused_and_go_on(self, portal: Portal) -> None:
        """The next five firings are told unless it is paused; who paused it is told then. Twice is no error."""
        async with portal.browser() as browser:
            await put(portal, "report", INPUTS)
            before = (await browser.get("/workflows/report")).text
            done = [await send(browser, "/workflows/report/pause") for _ in range(2)]
            during = (await browser.get("/workflows/report")).text
            done += [await send(browser, "/workflows/report/resume") for _ in range(2)]
            after = (await browser.get("/workflows/report")).text

        assert {(answer.status_code, answer.headers["location"]) for answer in done} == {(303, "/workflows/report")}
        assert len(re.findall(r'<span class="next"><time datetime="\d{4}-01-01T06:00:00', before)) == 5
        assert "Paused: nothing is next." in during
        assert "by admin" in words(during)
        assert 'action="/workflows/report/resume"' in during
        assert 'action="/workflows/report/pause"' in after

    async def test_a_broken_file_is_shown_with_its_errors_beside_the_version_that_runs(self, portal: Portal) -> None:
        """The error stands below its line; the other version has its graph and its form. A file that never loaded has neither."""
        async with portal.browser() as browser:
            await put(portal, "kept", PLAIN)
            await spoil(portal, "kept", "description: now wrong\nactions:\n  - {id: b, type: nothing}\n")
            await spoil(portal, "never", "actions: 5\n")
            kept, never = (await browser.get("/workflows/kept")).text, (await browser.get("/workflows/never")).text
            nothing = await browser.get("/workflows/none")

        assert re.search(
            r'<span id="file-3" class="line wrong">.*?</span></span><span class="problem error"[^>]*>3:19 error', kept
        )
        assert "unknown type &#39;nothing&#39;" in kept
        assert 'href="#line-1" aria-label="a; set"' in kept
        assert 'action="/workflows/kept/run"' in kept
        assert 'id="file-1" class="line wrong"' in never
        assert 'action="/workflows/never/run"' not in never
        assert nothing.status_code == 404

    async def test_the_graph_leads_to_the_lines_of_the_source(self, portal: Portal) -> None:
        """Also of what is in a group, and of later phases."""
        text = """actions:
  - {id: first, type: set, config: 1}
  - id: each
    type: group
    config:
      actions:
        - {id: inner, type: set, config: 2}
finally:
  - {id: last, type: set, config: 3}
"""
        async with portal.browser() as browser:
            await put(portal, "nested", text)
            page = (await browser.get("/workflows/nested")).text

        links = dict(re.findall(r'<a href="#line-(\d+)" aria-label="(\w+);', page))
        assert links == {"2": "first", "3": "each", "7": "inner", "9": "last"}
        assert all(f'id="line-{line}"' in page for line in links)

    async def test_secrets_tell_their_state_and_no_value(self, portal: Portal) -> None:
        """Present, missing, expired, refused, each with who names it; a value written into the file is masked too."""
        vault = portal.services.vault
        assert vault is not None
        value = "cAnArY-9f8e7d6c5b4a"
        text = f"""# {value}
actions:
  - id: call
    type: http
    if: "false"
    config:
      url: https://example.com/
      headers: {{A: $secret.GOOD, B: $secret.GONE, C: $secret.OLD, D: $secret.OTHERS}}
"""
        async with portal.browser() as browser:
            past = PolicyChange(expires_at=1.0)
            await vault.set("GOOD", value, by="test")
            await vault.set("OLD", value + "1", by="test", policy=past)
            await vault.set("OTHERS", value + "2", by="test", policy=PolicyChange(allowed_workflows=("other",)))
            await put(portal, "uses", text)
            page = (await browser.get("/workflows/uses")).text

        rows = re.findall(
            r'<th scope="row"><a href="/settings/secrets/([^"]+)">(\w+)</a></th><td><span class="state (\w+)"', page
        )
        assert [(name, state) for _, name, state in rows] == [
            ("GONE", "missing"),
            ("GOOD", "present"),
            ("OLD", "expired"),
            ("OTHERS", "refused"),
        ]
        assert rows[0][0] == "add-secret?name=GONE"
        assert "cAnArY" not in page
        assert "[secret GOOD]" in page

    async def test_what_changed_between_the_last_success_and_the_failure_after_it(self, portal: Portal) -> None:
        """The revision with its difference, the inputs, the secrets that were set; each run is a link."""
        vault = portal.services.vault
        assert vault is not None
        text = """inputs: {{n: {{type: integer}}, s: {{type: string, secret: true}}}}
actions:
  - {{id: call, type: http, if: "false", config: {{url: "https://example.com/", headers: {{K: $secret.KEY}}}}}}
  - {{id: judge, type: stop, if: $input.n > 5, config: {{error: "{said}"}}}}
"""
        async with portal.browser() as browser:
            await vault.set("KEY", "first-value-of-it", by="test")
            await put(portal, "judged", text.format(said="one"))
            good = await ran(portal, browser, "judged", n="1", s="abcdefghij")
            await vault.set("KEY", "second-value-of-it", by="test")
            await put(portal, "judged", text.format(said="two"))
            bad = await ran(portal, browser, "judged", n="6", s="klmnopqrst")
            page = (await browser.get("/workflows/judged")).text
            turn = page[page.index('id="turn"') : page.index("</details>")]
            link = re.search(r'href="(/workflows/judged/changes[^"]+)"', turn)
            assert link is not None
            changes = (await browser.get(unescape(link[1]))).text
            await put(portal, "other", PLAIN)
            row = await portal.services.records.get(await ran(portal, browser, "other"))
            assert row is not None
            foreign = [
                (await browser.get(f"/workflows/judged/changes?from={revision}")).status_code
                for revision in (row.revision, "0123456789abcdef")
            ]

        assert turn.index(good) < turn.index(bad)
        assert "n: 1 then 6" in words(turn)
        assert "KEY version 2 set" in words(turn)
        assert re.findall(r'<span class="line (added|removed)"><span dir="auto">.\s+error: (\w+)', changes) == [
            ("removed", "one"),
            ("added", "two"),
        ]
        assert re.findall(r"klmnop|abcdef|value-of-it", page + changes) == []
        assert foreign == [404, 404]
        assert len(re.findall(r"/changes\?from=", page[page.index('id="revisions"') :])) == 2

    async def test_whatever_a_file_holds_the_page_stands(self, portal: Portal) -> None:
        """Markup, right-to-left and very long texts, nested groups, two hundred actions: escaped, no style, no script, small."""
        name = "n" * 100
        hostile = "<script>alert(1)</script>\u202e\u05e9\u05dc\u05d5\u05dd \U0001f600" + "x" * 3000
        nested = "{id: deep, type: set, config: 1}"
        for depth in range(9):
            nested = f"{{id: g{depth}, type: group, config: {{actions: [{nested}]}}}}"
        actions = "\n".join(f"  - {{id: a{number}, type: set, needs: [], config: 1}}" for number in range(190))
        text = f"description: '{hostile}'\ninputs: {{i: {{type: string, default: '{hostile}'}}}}\nactions:\n  - {nested}\n{actions}\n"
        async with portal.browser() as browser:
            await put(portal, name, text)
            start, page = await browser.get("/"), await browser.get(f"/workflows/{name}")

        for answer in (start, page):
            assert answer.status_code == 200
            assert (
                re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?! type=\"module\" src=\"/static/)", answer.text) == []
            )
            assert "&lt;script&gt;alert(1)" in answer.text
        assert page.text.count('<g class="action') == 200
        assert int(page.headers["content-length"]) < 25_000
