"""
Why a request failed, as the errors that the engine knows: built from what is known, never from a library's text.

    status 429 → TemporaryError("429")      5xx → TemporaryError("5xx")      other → PermanentError("status") OSError
    → TemporaryError("connection")  bad certificate → PermanentError("connection")  refused address → "refused"

Each says what happened outside (`effect`): nothing where no byte was sent or the method is safe, `unknown` where an
unsafe request may have arrived. The transports, `exchange` and `runner.executors.http.auth` raise these.
"""

import errno
import os
import re
import ssl
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from runner.errors import ActionError, Effect, PermanentError, TemporaryError
from runner.executors.http.outgoing import Outgoing

FACTS_SIZE: Final = 65_536
"""Bytes of an answer's body that an error shows."""

_SECONDS: Final = re.compile(r"\d{1,18}")
_CERTIFICATE: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself",
    19: "is signed by an authority that is not trusted",
    20: "is signed by an authority that is not known",
    21: "comes without the authority that signed it",
    23: "was revoked",
    62: "is for another host",
    64: "is for another address",
}
_REFUSED: Final = "is refused"


class AddressRefusedError(OSError):
    """The address that a connection would go to may not be called; `why` says which rule forbids it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(errno.EACCES, _REFUSED)


def of_status(request: Outgoing, status: int, answer: dict[str, Any], now: float) -> ActionError:
    """An answer that was not expected. `answer` is masked, `{status, headers, body}`; `now` is wall time."""
    message = f"{request.name} answered {status}"
    facts = {**answer, "body": shortened(answer["body"])}
    retry_after = wanted_delay(answer["headers"], now)
    if status == 429:  # noqa: PLR2004  Too Many Requests
        return TemporaryError(message, kind="429", effect=request.before, facts=facts, retry_after=retry_after)
    if status == 408:  # noqa: PLR2004  Request Timeout: the server did not get it whole
        return TemporaryError(message, kind="timeout", effect=request.before, facts=facts, retry_after=retry_after)
    if status >= 500:  # noqa: PLR2004  the server's own fault
        return TemporaryError(message, kind="5xx", effect=request.effect, facts=facts, retry_after=retry_after)
    effect = request.before if status >= 400 else request.done  # noqa: PLR2004  4xx: refused, so not done
    return PermanentError(message, kind="status", effect=effect, facts=facts, retry_after=retry_after)


def wanted_delay(headers: dict[str, Any], now: float) -> float | None:
    """Seconds that `Retry-After` asks for, in both of its forms; a date is counted from the server's own `Date`."""
    text = str(headers.get("retry-after", "")).strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _date(text)
    if moment is None:
        return None
    return max(0.0, moment - (_date(str(headers.get("date", ""))) or now))


def _date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def shortened(body: Any) -> Any:
    """A body for an error's facts: what would be larger than `FACTS_SIZE` is cut text."""
    text = body if isinstance(body, str) else None
    if text is None:
        encoded = msgspec.json.encode(body)
        if len(encoded) <= FACTS_SIZE:
            return body
        text = encoded.decode()
    encoded = text.encode()
    return text if len(encoded) <= FACTS_SIZE else encoded[:FACTS_SIZE].decode("utf-8", "ignore") + "…"


def not_connected(request: Outgoing, error: BaseException, *, proxy: bool = False) -> ActionError:
    """No connection was made, so nothing was sent."""
    peer = f"{request.name}: its proxy" if proxy else request.name
    if isinstance(error, AddressRefusedError):
        return PermanentError(f"{peer} leads to {error.why}", kind="refused", effect=request.before)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _CERTIFICATE.get(error.verify_code, f"cannot be verified (code {error.verify_code})")
        return PermanentError(f"{peer} has a certificate that {why}", kind="connection", effect=request.before)
    if isinstance(error, ssl.SSLError):
        return TemporaryError(f"{peer} did not agree on TLS{_reason(error)}", kind="connection", effect=request.before)
    number = error.errno if isinstance(error, OSError) else None
    why = f": {os.strerror(number).lower()}" if number is not None and number > 0 else ""
    return TemporaryError(f"{peer} cannot be connected to{why}", kind="connection", effect=request.before)


def no_address(request: Outgoing, *, proxy: bool = False) -> ActionError:
    """The name service knows no address."""
    peer = f"{request.name}: its proxy's host" if proxy else f"{request.name}: its host"
    return TemporaryError(f"{peer} has no address", kind="connection", effect=request.before)


def broken_off(request: Outgoing) -> ActionError:
    """The connection ended after the request may have arrived, and before its answer was whole."""
    return TemporaryError(f"{request.name} broke off the connection", kind="connection", effect=request.effect)


def silent(request: Outgoing, seconds: float) -> ActionError:
    """Nothing came for a long time."""
    return TemporaryError(f"{request.name} sent nothing for {seconds:g} s", kind="timeout", effect=request.effect)


def malformed(request: Outgoing, what: str, effect: Effect | None = None) -> ActionError:
    """The answer is not HTTP, or not what its headers say. `what` completes "answered …"."""
    return PermanentError(
        f"{request.name} answered {what}", kind="response", effect=request.effect if effect is None else effect
    )


def too_large(request: Outgoing, what: str) -> ActionError:
    """The answer passes a bound."""
    return PermanentError(f"{request.name} answered with {what}", kind="limit", effect=request.done)


def proxy_refused(request: Outgoing, status: int) -> ActionError:
    """The proxy did not make the tunnel."""
    message = f"{request.name}: its proxy answered {status}"
    if status == 429 or status >= 500:  # noqa: PLR2004  may pass
        return TemporaryError(message, kind="connection", effect=request.before)
    return PermanentError(message, kind="refused", effect=request.before)


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's own constant, as `WRONG_VERSION_NUMBER`."""
    reason = error.reason or ""
    return f" ({reason.lower().replace('_', ' ')})" if re.fullmatch(r"[A-Z0-9_]{1,60}", reason) else ""
