"""
What stands in `[…]` after a value: a key, an index, a slice. Labels go with the parts that are taken.

Only mappings' keys, list items and letters can be reached; a step that leads nowhere is absent.
"""

from typing import Any

from runner.errors import EvaluationError
from runner.expressions.bounds import Evaluation
from runner.expressions.labels import ABSENT, Absent, Labelled, children, names_of, whole
from runner.expressions.library.arguments import gathered
from runner.expressions.values import child, kind_of


def subscript(evaluation: Evaluation, left: Labelled, step: Any) -> Labelled | Absent:
    """`left[step]`, or `ABSENT`. Raises `EvaluationError` for a step that is neither text nor a whole number."""
    evaluation.step()
    if isinstance(step, bool) or not isinstance(step, str | int):
        raise EvaluationError(f"what stands in […] is a key or an index, found {kind_of(step)}")
    if isinstance(left.value, str) and isinstance(step, int):
        inside = -len(left.value) <= step < len(left.value)
        return whole(left.value[step], names_of(left.labels)) if inside else ABSENT
    return child(left, step)


def sliced(evaluation: Evaluation, left: Labelled, bounds: list[Any]) -> Labelled:
    """`left[start:stop:step]` of a list, a text or bytes. Raises `EvaluationError`."""
    if any(bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)) for bound in bounds):
        raise EvaluationError("a slice takes whole numbers: [1:5]")
    if bounds[2] == 0:
        raise EvaluationError("the third number of a slice is not 0")
    chosen = slice(*bounds)
    if isinstance(left.value, str | bytes):
        evaluation.room(len(range(*chosen.indices(len(left.value)))))
        return whole(left.value[chosen], names_of(left.labels))
    if not isinstance(left.value, list):
        raise EvaluationError(f"a slice is taken of a list or text, found {kind_of(left.value)}")
    indices = range(*chosen.indices(len(left.value)))
    evaluation.step(len(indices))
    if not left.labels:
        return Labelled(left.value[chosen])
    parts = [part for _, part in children(left)]
    return gathered([parts[index] for index in indices])
