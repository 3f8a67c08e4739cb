"""
What is different between what a case expects and what its rehearsal did: a line a difference, each naming its action.

    Expected, Rehearsed ──differences()──► action fetch: sent.url: expected …, found …
    Rehearsed ──expectation()──► Expected that it meets, and nothing else does       Rehearsed, Rehearsed ──strayed()──►
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET

from runner.rehearsal.files import Expected, ExpectedAction
from runner.rehearsal.seen import Rehearsed, Seen

_SHOWN: Final = 200
_ENDED: Final = frozenset({"succeeded", "failed", "skipped", "cancelled"})


def differences(expected: Expected, found: Rehearsed) -> list[str]:
    """Everything that is not as expected; empty where all is."""
    lines = list(found.missing)
    lines += _different("run: state", expected.state, found.state)
    if expected.error is not None:
        lines += _different("run: error", expected.error, found.error)
    elif found.error is not None and expected.state != found.state:
        lines.append(f"run: it failed: {found.error}")
    if expected.output is not UNSET:
        lines += _different("run: output", expected.output, found.output)
    for place, wanted in expected.actions.items():
        lines += _of_action(f"action {place}", wanted, found.actions.get(place))
    if expected.exact:
        lines += [
            f"action {place}: expected nothing of it, and it {each.state}"
            for place, each in found.actions.items()
            if place not in expected.actions
        ]
    return lines


def expectation(found: Rehearsed) -> Expected:
    """What expects exactly this."""
    actions = {
        place: ExpectedAction(
            state=each.state if each.state in _ENDED else None,  # type: ignore[arg-type]  # one of the words of the model
            attempts=each.attempts if each.attempts > 1 else None,
            sent=UNSET if each.sent is None else each.sent,
            value=UNSET if each.value is None else each.value,
            error=each.error,
        )
        for place, each in found.actions.items()
    }
    return Expected(
        state=found.state,  # type: ignore[arg-type]  # a run that has ended
        output=UNSET if found.output is None else found.output,
        error=found.error,
        exact=True,
        actions=actions,
    )


def strayed(recorded: Rehearsed, rehearsed: Rehearsed) -> list[str]:
    """Where a rehearsal took another course than the run that it was recorded from; values and times aside."""
    places = dict.fromkeys([*recorded.actions, *rehearsed.actions])
    lines = _different("run: state", recorded.state, rehearsed.state)
    for place in places:
        one, other = (each.actions.get(place, Seen(course=[])).course for each in (recorded, rehearsed))
        lines += _different(f"action {place}", ", ".join(one) or "nothing", ", ".join(other) or "nothing")
    return lines


def _of_action(name: str, wanted: ExpectedAction, found: Seen | None) -> list[str]:
    if found is None:
        return [f"{name}: expected it, and nothing happened there"]
    lines = [] if wanted.state is None else _different(f"{name}: state", wanted.state, found.state)
    if lines and found.error is not None:
        lines.append(f"{name}: {found.error}")
    if wanted.attempts is not None:
        lines += _different(f"{name}: attempts", wanted.attempts, found.attempts)
    for key in ("sent", "value"):
        if getattr(wanted, key) is not UNSET:
            lines += _different(f"{name}: {key}", getattr(wanted, key), getattr(found, key))
    if wanted.error is not None:
        lines += _different(f"{name}: error", wanted.error, found.error)
    return lines


def _different(name: str, wanted: Any, found: Any) -> list[str]:
    return list(_walk(name, wanted, found))


def _walk(name: str, wanted: Any, found: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*wanted, *found]):
            if key not in found:
                yield f"{name}.{key}: expected {_text(wanted[key])}, found nothing"
            elif key not in wanted:
                yield f"{name}.{key}: expected nothing, found {_text(found[key])}"
            else:
                yield from _walk(f"{name}.{key}", wanted[key], found[key])
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _walk(f"{name}[{index}]", one, other)
    elif wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield f"{name}: expected {_text(wanted)}, found {_text(found)}"


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
