"""The dashboard's port to strangers, to other sites, to old sessions: who is let in, and what every answer says."""

from tests.integration.web.conftest import PASSWORD, Portal, form_token

FOREIGN = [
    {"host": "evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "evil.example@127.0.0.1"},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
]


async def test_nothing_is_shown_to_a_stranger(portal: Portal) -> None:
    """A page leads to the sign-in page, the API answers 401 with how to ask, a path that is not there does the same."""
    async with portal.stranger() as stranger:
        pages = [await stranger.get(path) for path in ("/", "/api", "/settings/secrets", "/nowhere", "/logout")]
        api = [await stranger.get("/api/v1/runs"), await stranger.post("/", headers={"origin": portal.origin})]

    assert {answer.status_code for answer in pages} == {303}
    assert all(answer.headers["location"].startswith("/login") for answer in pages)
    assert {answer.status_code for answer in api} == {401}
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in api)
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in api)


async def test_every_answer_has_the_strict_headers(portal: Portal) -> None:
    """Pages, assets, errors, redirects and health: the same policy, nothing cached but assets."""
    async with portal.browser() as browser, portal.stranger() as stranger:
        page = await browser.get("/")
        style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        answers = [page, await stranger.get(style), await stranger.get("/"), await stranger.get("/api/v1/x")]
        answers += [await stranger.get("/healthz"), await browser.get("/nowhere"), await stranger.get("/login")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert [answer.headers["cache-control"] for answer in answers] == [
        "no-store",
        "public, max-age=31536000, immutable",
        *["no-store"] * 5,
    ]
    assert answers[5].status_code == 404
    assert "<h1>Not Found</h1>" in answers[5].text


async def test_a_foreign_host_or_origin_is_refused(portal: Portal) -> None:
    """Even of who holds a session or a token, before anything is looked at; the probes of a cluster are let through."""
    async with portal.browser() as browser, portal.program("read") as program:
        for headers in FOREIGN:
            answers = [await browser.get("/", headers=headers), await program.get("/api/v1/runs", headers=headers)]
            probe = await browser.get("/healthz", headers=headers)

            assert {answer.status_code for answer in answers} == {421 if "host" in headers else 403}, headers
            assert probe.status_code == 200


async def test_a_change_takes_the_form_token_of_its_session(portal: Portal) -> None:
    """Without it, with that of another session and without an Origin nothing is done."""
    async with portal.browser() as browser, portal.browser() as other:
        mine = form_token((await browser.get("/")).text)
        theirs = form_token((await other.get("/")).text)
        refused = [
            await browser.post("/logout"),
            await browser.post("/logout", data={"csrf": ""}),
            await browser.post("/logout", data={"csrf": theirs}),
            await browser.post("/logout", headers={"x-csrf-token": theirs}),
        ]
        del browser.headers["origin"]
        refused.append(await browser.post("/logout", data={"csrf": mine}))
        kept = await browser.get("/")
        done = await browser.post("/logout", data={"csrf": mine}, headers={"sec-fetch-site": "same-origin"})

        assert [answer.status_code for answer in refused] == [403] * 5
        assert kept.status_code == 200
        assert (done.status_code, done.headers["location"]) == (303, "/login")
        assert (await browser.get("/")).status_code == 303
        assert (await other.get("/")).status_code == 200


async def test_a_body_is_bounded(portal: Portal) -> None:
    """A stranger's at what a password takes, others at 1 MB; told and untold lengths alike."""

    async def pieces(size: int) -> object:
        for _ in range(size // 1000):
            yield b"x" * 1000

    async with portal.stranger() as stranger, portal.program("run") as program:
        stranger.headers["origin"] = portal.origin
        answers = [
            await stranger.post("/login", content=b"x" * 17_000),
            await stranger.post("/login", content=pieces(20_000)),  # type: ignore[arg-type]  # an async generator, as httpx takes it
            await program.post("/api/v1/x", content=b"x" * 1_000_001),
            await program.post("/api/v1/x", content=pieces(1_100_000)),  # type: ignore[arg-type]  # the same
        ]

    assert [answer.status_code for answer in answers] == [413] * 4


async def test_the_setup_token_counts_once(portal: Portal) -> None:
    """Its file is private and goes; the token that was stolen from it opens nothing afterwards."""
    path = portal.folder / "data" / "setup-token"
    assert path.stat().st_mode & 0o777 == 0o600
    stolen = path.read_text().strip()
    again = {"token": stolen, "password": "stolen and used again", "again": "stolen and used again"}

    async with portal.browser() as browser:
        answer = await browser.post("/setup", data=again)
        kept = await browser.get("/")

    assert not path.exists()
    assert answer.status_code == 422
    assert stolen not in answer.text
    assert "stolen and used again" not in answer.text
    assert kept.status_code == 200
    async with portal.browser():
        pass


async def test_another_password_ends_every_session(portal: Portal) -> None:
    """Who was signed in before has to sign in with the new one."""
    async with portal.browser() as browser, portal.stranger() as other:
        token = await portal.accounts.offer_setup()
        other.headers["origin"] = portal.origin
        form = {"token": token, "password": "another one entirely", "again": "another one entirely"}
        done = await other.post("/setup", data=form)
        before = await browser.get("/")
        old = await other.post("/login", data={"password": PASSWORD})

    assert done.status_code == 303
    assert before.status_code == 303
    assert old.status_code == 422


async def test_wrong_passwords_wait_longer_and_longer(portal: Portal) -> None:
    """Five are free, then 429 with Retry-After, for the right one too; what was typed is in no answer."""
    async with portal.browser(), portal.stranger() as stranger:
        stranger.headers["origin"] = portal.origin
        answers = [await stranger.post("/login", data={"password": f"guess <{n}> of many"}) for n in range(6)]
        answers.append(await stranger.post("/login", data={"password": PASSWORD}))

    assert [answer.status_code for answer in answers] == [422] * 6 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert not any("guess" in answer.text for answer in answers)
    assert "set-cookie" not in answers[-1].headers


async def test_the_cookie_is_out_of_reach(portal: Portal) -> None:
    """Of scripts and of other sites; whom nobody trusts cannot say that it came by HTTPS."""
    async with portal.browser(), portal.stranger() as stranger:
        headers = {"origin": portal.origin, "x-forwarded-proto": "https", "x-forwarded-for": "10.9.8.7"}
        cookie = (await stranger.post("/login", data={"password": PASSWORD}, headers=headers)).headers["set-cookie"]

    assert cookie.startswith("runner=")
    assert "HttpOnly; Path=/; SameSite=strict" in cookie


async def test_signing_in_leads_to_no_other_site(portal: Portal) -> None:
    """`next` is a path of this site, or the start page."""
    wanted = ["//evil.example", "/\\evil.example", "https://evil.example", "/\r\nX: 1", "\u2028", "/login", "/a?b=1"]
    async with portal.browser() as browser:
        led = [(await browser.get("/login", params={"next": target})).headers["location"] for target in wanted]

    assert led == [*["/"] * 6, "/a?b=1"]


async def test_a_token_opens_the_api_and_no_page(portal: Portal) -> None:
    """And nothing on the triggers' port; a wrong one is told so, a revoked one opens nothing from then on."""
    async with portal.program("read", name="reader") as program:
        page = await program.get("/")
        nothing = await program.get("/api/v1/nowhere")
        trigger = await program.get(f"http://127.0.0.1:{portal.service.ports[0]}/api/v1/runs")
        await portal.accounts.revoke_token("reader", by="test")
        revoked = await program.get("/api/v1/nowhere")

    assert page.status_code == 303
    assert nothing.status_code == 404
    assert trigger.status_code == 404
    assert revoked.status_code == 401
    assert 'error="invalid_token"' in revoked.headers["www-authenticate"]
