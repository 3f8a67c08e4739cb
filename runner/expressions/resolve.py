"""
The value that a reference has in a scope.

The scope gives what it keeps as one (`$action.fetch`), the rest of the path is walked here. One-reference leaves come
this way at run time and never through Jinja's tree.
"""

from runner.expressions.labels import ABSENT, Absent, Labelled, below
from runner.expressions.reference import Reference
from runner.expressions.scope import Scope
from runner.expressions.values import locate


def resolve(scope: Scope, reference: Reference) -> Labelled | Absent:
    """The value with the labels that lie on it, or `ABSENT`. Raises what `scope.lookup` raises."""
    root, path = reference
    found, taken = scope.lookup(root, path)
    if taken == len(path) or isinstance(found, Absent):
        return found
    value, labels = found
    for step in path[taken:]:
        key = locate(value, step)
        if key is None:
            return ABSENT
        value = value[key]
        if labels:
            labels = below(labels, key)
    return Labelled(value, labels)
