"""Signatures by their publishers' own examples, over the raw bytes; one byte, one second or one key off is refused."""

import base64
import hmac
from typing import Any, Final

import pytest

from runner.definitions.fields import Duration
from runner.definitions.triggers import Hmac
from runner.triggers.signature import verify

UNUSED: Final[Any] = "what the trigger names; the secret itself is given"

GITHUB = Hmac(header="X-Hub-Signature-256", secret=UNUSED, prefix="sha256=")
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

SLACK = Hmac(
    header="X-Slack-Signature",
    secret=UNUSED,
    prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp_header="X-Slack-Request-Timestamp",
)
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_TIME = 1531420618
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a1"
    b"4d10d2c447fce8b6703c"
)
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"

STRIPE = Hmac(
    header="Stripe-Signature",
    secret=UNUSED,
    prefix="v1=",
    signed="{timestamp}.{body}",
    tolerance=Duration(300),
)
STRIPE_SECRET = "whsec_made_up"
STRIPE_TIME = 1_492_774_577
STRIPE_BODY = b'{"id":"evt_1","object":"event"}'
STRIPE_SIGNATURE = "a45806d426262858e049a3488139e6ce830352343ff79aaa2d79651bad0ab1f6"
"""What `printf '1492774577.{"id":"evt_1","object":"event"}' | openssl dgst -sha256 -hmac whsec_made_up` prints."""


STRIPE_HEADER = f"t={STRIPE_TIME},v1={'0' * 64},v1={STRIPE_SIGNATURE},v0={STRIPE_SIGNATURE}"
"""As Stripe documents it: an old secret's signature first, the scheme v0 beside them."""


class TestPublishedExamples:
    def test_github(self) -> None:
        """The example of GitHub's documentation."""
        verified = verify(GITHUB, GITHUB_SECRET, header=GITHUB_SIGNATURE, timestamp=None, body=GITHUB_BODY, now=0)

        assert verified.replays_until is None

    def test_slack(self) -> None:
        """The example of Slack's documentation, and how long it would be taken again."""
        verified = verify(
            SLACK, SLACK_SECRET, header=SLACK_SIGNATURE, timestamp=str(SLACK_TIME), body=SLACK_BODY, now=SLACK_TIME + 1
        )

        assert verified.replays_until == SLACK_TIME + 300

    def test_stripe(self) -> None:
        """Its scheme: the time in the same header, several signatures while a secret is rolled."""
        verified = verify(
            STRIPE, STRIPE_SECRET, header=STRIPE_HEADER, timestamp=None, body=STRIPE_BODY, now=STRIPE_TIME
        )

        assert verified.replays_until == STRIPE_TIME + 300

    def test_base64(self) -> None:
        """Shopify's and others' spelling."""
        config = Hmac(header="h", secret=UNUSED, encoding="base64", algorithm="sha1")
        right = base64.b64encode(hmac.digest(b"k", b"body", "sha1")).decode()

        assert verify(config, "k", header=right, timestamp=None, body=b"body", now=0)


class TestRefused:
    @pytest.mark.parametrize(
        ("header", "secret", "body"),
        [
            (GITHUB_SIGNATURE, GITHUB_SECRET, b"Hello, World?"),
            (GITHUB_SIGNATURE, GITHUB_SECRET, b"Hello, World!\n"),
            (GITHUB_SIGNATURE[:-1] + "8", GITHUB_SECRET, GITHUB_BODY),
            (GITHUB_SIGNATURE[:-2], GITHUB_SECRET, GITHUB_BODY),
            (GITHUB_SIGNATURE, "another", GITHUB_BODY),
            (GITHUB_SIGNATURE.removeprefix("sha256="), GITHUB_SECRET, GITHUB_BODY),
            (GITHUB_SIGNATURE.replace("sha256=", "sha1="), GITHUB_SECRET, GITHUB_BODY),
            ("sha256=", GITHUB_SECRET, GITHUB_BODY),
            ("sha256=not hex", GITHUB_SECRET, GITHUB_BODY),
            ("sha256=é", GITHUB_SECRET, GITHUB_BODY),
            ("", GITHUB_SECRET, GITHUB_BODY),
            (None, GITHUB_SECRET, GITHUB_BODY),
        ],
        ids=["byte", "longer", "digit", "cut", "key", "no-prefix", "sha1", "empty", "no-hex", "accent", "blank", "none"],
    )  # fmt: skip
    def test_what_does_not_match(self, header: str | None, secret: str, body: bytes) -> None:
        """Whatever differs."""
        with pytest.raises(ValueError, match="signature"):
            verify(GITHUB, secret, header=header, timestamp=None, body=body, now=0)

    def test_an_empty_secret_verifies_nobody(self) -> None:
        """Although an HMAC under it could be computed by anybody."""
        right = "sha256=" + hmac.digest(b"", GITHUB_BODY, "sha256").hex()

        with pytest.raises(ValueError, match="secret is empty"):
            verify(GITHUB, "", header=right, timestamp=None, body=GITHUB_BODY, now=0)

    @pytest.mark.parametrize("now", [SLACK_TIME + 301, SLACK_TIME - 301, SLACK_TIME + 3 * 365 * 86400])
    def test_a_time_out_of_tolerance(self, now: float) -> None:
        """An old one, or one of a time that is yet to come."""
        with pytest.raises(ValueError, match="out of tolerance"):
            verify(SLACK, SLACK_SECRET, header=SLACK_SIGNATURE, timestamp=str(SLACK_TIME), body=SLACK_BODY, now=now)

    @pytest.mark.parametrize("timestamp", [None, "", "soon", "1e9", "-1", "1" * 40])
    def test_a_time_that_is_none(self, timestamp: str | None) -> None:
        """Without it nothing of a replay could be known."""
        with pytest.raises(ValueError, match="timestamp is missing"):
            verify(SLACK, SLACK_SECRET, header=SLACK_SIGNATURE, timestamp=timestamp, body=SLACK_BODY, now=SLACK_TIME)

    def test_a_time_that_was_not_signed(self) -> None:
        """A fresher time beside an old signature does not match it."""
        header = STRIPE_HEADER.replace(str(STRIPE_TIME), str(STRIPE_TIME + 900))

        with pytest.raises(ValueError, match="does not match"):
            verify(STRIPE, STRIPE_SECRET, header=header, timestamp=None, body=STRIPE_BODY, now=STRIPE_TIME + 900)

    @pytest.mark.parametrize(
        "header",
        [
            STRIPE_HEADER.replace(f"v1={STRIPE_SIGNATURE}", f"v1={STRIPE_SIGNATURE[::-1]}"),
            f"t={STRIPE_TIME},v0={STRIPE_SIGNATURE}",
            f"v1={STRIPE_SIGNATURE}",
        ],
        ids=["reversed", "scheme-v0-alone", "no-time"],
    )
    def test_a_stripe_header_that_proves_nothing(self, header: str) -> None:
        """The right digest counts under its scheme alone, and beside the time that it signs."""
        with pytest.raises(ValueError, match=r"does not match|timestamp is missing"):
            verify(STRIPE, STRIPE_SECRET, header=header, timestamp=None, body=STRIPE_BODY, now=STRIPE_TIME)

    def test_a_stripe_body_with_a_byte_changed(self) -> None:
        """And the same with another secret."""
        for secret, body in ((STRIPE_SECRET, STRIPE_BODY.replace(b"1", b"2")), ("whsec_other", STRIPE_BODY)):
            with pytest.raises(ValueError, match="does not match"):
                verify(STRIPE, secret, header=STRIPE_HEADER, timestamp=None, body=body, now=STRIPE_TIME)

    @pytest.mark.parametrize("place", [0, len(SLACK_BODY) // 2, len(SLACK_BODY) - 1])
    def test_a_slack_body_with_a_byte_changed(self, place: int) -> None:
        """Wherever it stands."""
        body = SLACK_BODY[:place] + bytes([SLACK_BODY[place] ^ 1]) + SLACK_BODY[place + 1 :]
        with pytest.raises(ValueError, match="does not match"):
            verify(SLACK, SLACK_SECRET, header=SLACK_SIGNATURE, timestamp=str(SLACK_TIME), body=body, now=SLACK_TIME)
