"""
Accept or refuse the inputs that somebody gives a run.

    declared, given ──checked_inputs()──► Labelled: every declared input, defaults filled in, secret ones labelled

Called by `runner.engine.admission`. Whether a value fits is `runner.definitions.inputs`' to say; values are never
converted.
"""

from collections.abc import Mapping

from runner.definitions.inputs import filled
from runner.definitions.model import Input
from runner.errors import RefusedError
from runner.expressions.labels import NO_LABELS, Labelled, Path


def checked_inputs(declared: Mapping[str, Input], given: Labelled, *, what: str, root: str = "input") -> Labelled:
    """
    The inputs of a run, or the answer to a callback. `what` names the workflow or action for the message, `root` is
    the word that labels of secret ones begin with.

    Raises RefusedError (`inputs`) with one error for each input that is missing, unknown or of another type; no message
    holds a value.
    """
    if not isinstance(given.value, dict):
        raise RefusedError(f"{what}: inputs are a mapping of names to values", reason="inputs")
    values, wrong = filled(declared, given.value)
    if wrong:
        raise RefusedError(
            f"{what}: " + "; ".join(f"input {name!r}: {message}" for name, message in wrong.items()),
            reason="inputs",
            errors=tuple({"path": f"inputs.{name}", "message": message} for name, message in wrong.items()),
        )
    labels: dict[Path, frozenset[str]] = {path: names for path, names in given.labels.items() if path}
    for name, field in declared.items():
        if field.secret or () in given.labels:
            own = frozenset({f"{root}.{name}"}) if field.secret else frozenset[str]()
            labels[name,] = labels.get((name,), frozenset()) | given.labels.get((), frozenset()) | own
    return Labelled(values, labels or NO_LABELS)
