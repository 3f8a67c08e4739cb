"""Settings in a browser that has no JavaScript: tokens, audit, health, the password."""

import html
import re

from runner.accounts.credentials import is_token
from tests.integration.web.conftest import PASSWORD, Portal, form_token

ANOTHER = "another password than before"


def _token(page: str) -> str:
    found = re.search(r"<code>(runner_\w+)</code>", page)
    assert found, page
    return found[1]


class TestTokens:
    async def test_one_is_made_shown_once_used_and_revoked(self, portal: Portal) -> None:
        """Its text is in one answer alone; the list shows scopes, end and last use; revoked it opens nothing."""
        async with portal.browser() as browser, portal.stranger() as program:
            csrf = form_token((await browser.get("/settings/tokens")).text)
            form = {"csrf": csrf, "name": "ci", "scope_read": "on", "scope_run": "on", "expires": "2999-01-31"}
            made = await browser.post("/settings/tokens", data=form)
            text = _token(made.text)
            program.headers["authorization"] = f"Bearer {text}"
            used = await program.get("/api/v1/runs")
            listed = (await browser.get("/settings/tokens")).text
            again = await browser.post("/settings/tokens", data=form)
            gone = await browser.post("/settings/tokens/ci/revoke", data={"csrf": csrf})
            after = await browser.get(gone.headers["location"])
            refused = await program.get("/api/v1/runs")

        assert is_token(text)
        assert used.status_code == 200
        assert text not in listed
        assert "read, run" in listed
        assert "2999-02-01" in listed
        assert (again.status_code, "There is a token ci already" in again.text) == (422, True)
        assert gone.status_code == 303
        assert "ci opens nothing from now on" in after.text
        assert refused.status_code == 401

    async def test_what_is_wrong_is_told_and_makes_nothing(self, portal: Portal) -> None:
        """No scope, a name that is none, a day that is over, none at all or the last that there is."""
        wrong = [
            ({"name": "a"}, "scopes: expected one or more"),
            ({"name": "<b>", "scope_read": "on"}, "name is letters"),
            ({"name": "a", "scope_read": "on", "expires": "2001-01-01"}, "is over already"),
            ({"name": "a", "scope_read": "on", "expires": "soon"}, "expected a day as"),
            ({"name": "a", "scope_read": "on", "expires": "9999-12-31"}, "expected a day as"),
        ]
        async with portal.browser() as browser:
            csrf = form_token((await browser.get("/settings/tokens")).text)
            answers = [await browser.post("/settings/tokens", data={"csrf": csrf, **form}) for form, _ in wrong]
            tokens = await portal.accounts.tokens()

        assert [answer.status_code for answer in answers] == [422] * 5
        assert [said in answer.text for answer, (_, said) in zip(answers, wrong, strict=True)] == [True] * 5
        assert "<b>" not in answers[1].text
        assert tokens == []


class TestAudit:
    async def test_it_is_paged_and_filtered_by_the_address(self, portal: Portal) -> None:
        """Every row is on one page and on no other; a filter leaves what it names; an impossible day is an error."""
        async with portal.browser() as browser:
            for number in range(60):
                await portal.service.vault.set(f"KEY_{number:02}", f"a value of number {number}", by="test")  # type: ignore[union-attr]  # there is a key
            seen: list[int] = []
            path: str | None = "/settings/audit?action=set"
            while path is not None:
                page = (await browser.get(path)).text
                seen += [int(number) for number in re.findall(r"<td data-label=\"Row\">(\d+)</td>", page)]
                older = re.search(r'<a href="([^"]+)" rel="next">', page)
                path = html.unescape(older[1]) if older else None
            one = (await browser.get("/settings/audit", params={"subject": "KEY_07", "actor": "test"})).text
            nothing = (await browser.get("/settings/audit?since=2999-01-01")).text
            today = (await browser.get("/settings/audit?since=2020-01-01&until=2999-12-31&action=login")).text
            wrong = [
                await browser.get(f"/settings/audit?{query}")
                for query in ("since=soon", "before=x", "until=9999-12-31")
            ]

        assert len(seen) == 60
        assert seen == sorted(set(seen), reverse=True)
        assert len(re.findall(r"data-label=\"Row\"", one)) == 1
        assert "a value of number" not in one
        assert "No row of the audit log fits" in nothing
        assert "login" in today
        assert [answer.status_code for answer in wrong] == [422] * 3

    async def test_it_is_checked_against_a_head_that_was_written_down(self, portal: Portal) -> None:
        """The head of now fits; another one does not, and is told from which row on; what is no head is an error."""
        async with portal.browser() as browser:
            page = (await browser.get("/settings/audit")).text
            head = re.search(r"<code>(\d+:[0-9a-f]{64})</code>", page)
            assert head
            whole = await browser.get("/settings/audit/verify", params={"head": head[1]})
            number = head[1].partition(":")[0]
            foreign = await browser.get("/settings/audit/verify", params={"head": f"{number}:{'0' * 64}"})
            cut = await browser.get("/settings/audit/verify", params={"head": f"99999:{'0' * 64}"})
            nonsense = await browser.get("/settings/audit/verify", params={"head": "x"})

        assert "the head that was written down is in it" in whole.text
        assert f"row {number} is not the one that was written down" in foreign.text
        assert "row 99999, which was written down, is missing" in cut.text
        assert nonsense.status_code == 422


class TestHealth:
    async def test_it_shows_what_doctor_finds_and_the_sizes(self, portal: Portal) -> None:
        """Each check by name with its state, the store's sizes, where the audit log ends; nothing secret."""
        (portal.folder / "workflows" / "broken.yaml").write_text("action: []\n")
        async with portal.browser() as browser:
            page = (await browser.get("/settings/health")).text

        assert "Work is taken" in page
        names = set(re.findall(r'<tr><th scope="row">(\w+)</th>', page))
        assert {"settings", "key", "files", "disk", "clock", "ports", "vault", "audit", "runs", "workflows"} <= names
        assert "broken.yaml" in page
        assert re.search(r"<code>\d+:[0-9a-f]{64}</code>", page)
        assert str(portal.folder / "data" / "runner-runs.db") in page
        assert "runner-key-1-" not in page


class TestPassword:
    async def test_the_current_one_is_asked_and_other_sessions_end(self, portal: Portal) -> None:
        """A wrong one changes nothing; the right one signs every other browser out, and this one stays in."""
        async with portal.browser() as browser, portal.browser() as other, portal.stranger() as stranger:
            csrf = form_token((await browser.get("/settings/password")).text)
            form = {"csrf": csrf, "current": PASSWORD, "password": ANOTHER, "again": ANOTHER}
            refused = [
                await browser.post("/settings/password", data={**form, "current": "not the current one"}),
                await browser.post("/settings/password", data={**form, "again": "something else"}),
                await browser.post("/settings/password", data={**form, "password": "short", "again": "short"}),
            ]
            kept = await other.get("/")
            before = dict(browser.cookies)
            done = await browser.post("/settings/password", data=form)
            here, there = await browser.get("/settings"), await other.get("/")
            stranger.cookies.update(before)
            stolen = await stranger.get("/")
            stranger.headers["origin"] = portal.origin
            old, new = [await stranger.post("/login", data={"password": text}) for text in (PASSWORD, ANOTHER)]

        assert [answer.status_code for answer in refused] == [422] * 3
        assert not any(ANOTHER in answer.text for answer in refused)
        assert kept.status_code == 200
        assert (done.status_code, done.headers["location"]) == (303, "/settings?done")
        assert (here.status_code, there.status_code, stolen.status_code) == (200, 303, 303)
        assert (old.status_code, new.status_code) == (422, 303)


async def test_the_rooms_are_found_from_the_navigation(portal: Portal) -> None:
    """Settings leads to each of them, each is there, and the navigation says where one is."""
    async with portal.browser() as browser:
        index = (await browser.get("/settings")).text
        rooms = re.findall(r'<li><a href="([^"]+)">[^<]+</a><span class="hint">', index)
        pages = [await browser.get(path) for path in rooms]

    assert len(rooms) == 6
    assert [page.status_code for page in pages] == [200] * 6
    assert '<a href="/settings" aria-current="page">' in pages[1].text
    assert pages[0].text.count("aria-current") == 1
