"""
Whether a signature over the raw body is the right one: GitHub's, Stripe's, Slack's and their like.

    X-Hub-Signature-256: sha256=HEX                            prefix sha256=, signed {body}
    Stripe-Signature: t=SECONDS,v1=HEX,v1=HEX                  prefix v1=, signed {timestamp}.{body}
    X-Slack-Signature: v0=HEX, X-Slack-Request-Timestamp       prefix v0=, signed v0:{timestamp}:{body}

The bytes that came are what is signed, nothing that was parsed. Pure: secret and time are given.
"""

import base64
import binascii
import hmac
import re
from typing import Final, NamedTuple

from runner.definitions.triggers import Hmac

DEFAULT_TOLERANCE: Final = 300.0
"""Seconds that a signed timestamp may be off, where the trigger says nothing else."""

_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_SEPARATED: Final = re.compile(r"\s*,\s*")


class Verified(NamedTuple):
    """A signature that is right. `replays_until` (wall seconds): until then the same one would be taken again."""

    signature: str
    replays_until: float | None


def verify(
    config: Hmac, secret: str, *, header: str | None, timestamp: str | None, body: bytes, now: float
) -> Verified:
    """
    The signature, verified. `header` and `timestamp` are what the two headers hold.

    Raises ValueError that says to the log what is wrong.
    """
    if not secret:
        raise ValueError("the secret is empty")
    if not header:
        raise ValueError("the signature's header is missing, or there are several")
    parts = _SEPARATED.split(header.strip())
    if timestamp is None and config.timestamp_header is None:
        timestamp = next((part[2:] for part in parts if part.startswith("t=")), None)
    until = _checked_time(config, timestamp, now)
    signed = _signed(config.signed, timestamp or "", body)
    expected = hmac.digest(secret.encode(), signed, config.algorithm)
    given = [part.removeprefix(config.prefix) for part in parts if part.startswith(config.prefix)]
    matches = [each for each in given[:16] if hmac.compare_digest(_decoded(each, config.encoding), expected)]
    if not matches:
        raise ValueError("the signature does not match the body")
    return Verified(expected.hex(), until)


def _checked_time(config: Hmac, timestamp: str | None, now: float) -> float | None:
    if "{timestamp}" not in config.signed:
        return None
    if timestamp is None or not _SECONDS.fullmatch(timestamp):
        raise ValueError("the timestamp is missing or is no number of seconds")
    tolerance = DEFAULT_TOLERANCE if config.tolerance is None else float(config.tolerance)
    if abs(now - int(timestamp)) > tolerance:
        raise ValueError("the timestamp is out of tolerance: an old request, or a clock that is off")
    return int(timestamp) + tolerance


def _signed(form: str, timestamp: str, body: bytes) -> bytes:
    """The text that was signed: `form` with its two names filled in, the body's bytes as they are."""
    before, _, after = form.partition("{body}")
    return before.replace("{timestamp}", timestamp).encode() + body + after.replace("{timestamp}", timestamp).encode()


def _decoded(text: str, encoding: str) -> bytes:
    """The bytes of a signature; of what is none, nothing, which equals no signature."""
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
