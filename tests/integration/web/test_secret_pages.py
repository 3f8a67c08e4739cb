"""Settings → Secrets, as a browser without JavaScript has it: every form, and no page with a value."""

import re
from collections.abc import Mapping

import httpx

from runner.secrets.policy import PolicyChange
from tests.integration.web.conftest import Portal, form_token

USER = """
actions:
  - {id: call, type: http, if: "false", config: {url: "https://api.example.com/", headers: {X-Key: $secret.USED_KEY}}}
"""
LIST = "/settings/secrets"
VALUE = "cAnArY-9f8e7d6c5b4a"


async def send(browser: httpx.AsyncClient, path: str, fields: Mapping[str, str], page: str = "") -> httpx.Response:
    """A form of the page, filled in; a browser writes line ends as CRLF."""
    token = form_token((await browser.get(page or path)).text)
    typed = {name: text.replace("\n", "\r\n") for name, text in fields.items()}
    return await browser.post(path, data={"csrf": token, **typed})


async def test_one_is_added_and_the_next_page_says_so(portal: Portal) -> None:
    """Two clicks and one form; the value is as it was typed, less a line end at its end, and on no page."""
    add = f"{LIST}/add-secret"
    async with portal.browser() as browser:
        listed = await browser.get(LIST)
        fields = {"name": "A_KEY", "value": f"{VALUE}\nsecond line\n", "hosts": "api.example.com\n\nb.example.com"}
        done = await send(browser, add, {**fields, "rotate_days": "90", "expires": "2990-01-31", "on_expiry": "refuse"})
        after = await browser.get(done.headers["location"])
        one = await browser.get(f"{LIST}/A_KEY")
        found = portal.services.vault
        assert found is not None
        value = (await found.resolve(frozenset({"A_KEY"})))["A_KEY"]

    assert 'href="/settings/secrets/add-secret"' in listed.text
    assert done.status_code == 303
    assert "A_KEY is added" in re.sub(r"\s+", " ", after.text)
    assert value == f"{VALUE}\nsecond line"
    assert "https://api.example.com, https://b.example.com" in one.text
    assert "90 days" in one.text
    assert VALUE not in after.text + one.text


async def test_a_form_that_was_wrong_comes_back_without_the_value(portal: Portal) -> None:
    """With what is wrong and the other fields as they were; nothing was set."""
    wrong = [
        {"name": "1A", "value": VALUE, "hosts": "api.example.com"},
        {"name": "A_KEY", "value": "short", "hosts": "api.example.com"},
        {"name": "A_KEY", "value": VALUE, "hosts": "api.example.com\nhttp:// b"},
        {"name": "A_KEY", "value": VALUE, "hosts": "api.example.com", "expires": "tomorrow"},
        {"name": "A_KEY", "value": VALUE, "hosts": "api.example.com", "rotate_days": "nan"},
        {"name": "THERE", "value": VALUE, "hosts": "api.example.com"},
    ]
    async with portal.browser() as browser:
        await send(browser, f"{LIST}/add-secret", {"name": "THERE", "value": "some-other-value"})
        answers = [await send(browser, f"{LIST}/add-secret", fields) for fields in wrong]
        gone = await browser.get(f"{LIST}/A_KEY")

    assert [answer.status_code for answer in answers] == [422] * len(wrong)
    assert all('role="alert"' in answer.text and "api.example.com" in answer.text for answer in answers)
    assert not any(VALUE in answer.text or ">short<" in answer.text for answer in answers)
    assert gone.status_code == 404


async def test_one_is_narrowed_replaced_and_taken_back(portal: Portal) -> None:
    """Wider takes the value anew; who had the page of an older version changes nothing."""
    path = f"{LIST}/A_KEY"
    async with portal.browser() as browser:
        await send(browser, f"{LIST}/add-secret", {"name": "A_KEY", "value": VALUE})
        narrow = await send(browser, path, {"version": "1", "value": "", "hosts": "api.example.com"})
        wider = await send(browser, path, {"version": "1", "value": "", "hosts": ""})
        replaced = await send(browser, path, {"version": "1", "value": "another-value", "hosts": "api.example.com"})
        stale = await send(browser, path, {"version": "1", "value": "a-third-value", "hosts": "api.example.com"})
        back = await send(browser, f"{path}/rollback", {"version": "1"}, path)
        shown = await browser.get(path)

    assert [each.status_code for each in (narrow, wider, replaced, stale, back)] == [303, 422, 303, 422, 303]
    assert "Make version 2 current" in shown.text
    assert '<td data-label="By">admin</td>' in shown.text


async def test_what_no_field_can_show_stays(portal: Portal) -> None:
    """A time of day and an empty list of hosts: a replaced value opens no host and moves no expiry."""
    vault, path = portal.services.vault, f"{LIST}/A_KEY"
    assert vault is not None
    ends = 32_000_000_123.0
    await vault.set("A_KEY", VALUE, policy=PolicyChange(allowed_hosts=(), expires_at=ends))
    async with portal.browser() as browser:
        day = re.search(r'type="date" value="([0-9-]+)"', (await browser.get(path)).text)
        assert day
        fields = {"version": "1", "value": "another-value", "hosts": "", "expires": day[1], "on_expiry": "warn"}
        done = await send(browser, path, fields)
        policy = await vault.policy("A_KEY")

    assert done.status_code == 303
    assert (policy.allowed_hosts, policy.expires_at) == ((), ends)


async def test_one_that_is_used_takes_a_second_yes_to_go(portal: Portal) -> None:
    """The page says who would break; one that is missing is a row that leads to the form with its name."""
    (portal.folder / "workflows" / "uses.yaml").write_text(USER)
    path = f"{LIST}/USED_KEY"
    async with portal.browser() as browser:
        while "USED_KEY" not in (missing := (await browser.get(LIST)).text):
            pass
        await send(browser, f"{LIST}/add-secret", {"name": "USED_KEY", "value": VALUE})
        told = await send(browser, f"{path}/delete", {}, path)
        deleted = await send(browser, f"{path}/delete", {"force": "on"}, path)
        after = await browser.get(deleted.headers["location"])

    assert 'href="/settings/secrets/add-secret?name=USED_KEY"' in missing
    assert told.status_code == 422
    assert "used by uses:call" in told.text
    assert deleted.status_code == 303
    assert "USED_KEY is deleted" in re.sub(r"\s+", " ", after.text)


async def test_what_comes_from_outside_is_escaped(portal: Portal) -> None:
    """A name in the address, an author of a version: text, and never markup."""
    assert portal.services.vault is not None
    await portal.services.vault.set("A_KEY", VALUE, by="<script>x</script>", policy=PolicyChange())
    async with portal.browser() as browser:
        pages = [
            await browser.get(f"{LIST}?done=added&name=<script>x</script>"),
            await browser.get(f"{LIST}/add-secret?name=%22><script>x</script>"),
            await browser.get(f"{LIST}/A_KEY"),
        ]

    assert all("&lt;script&gt;" in page.text and "<script>" not in page.text for page in pages)
