"""
What the library is made of: one `Function` a name, with how many arguments it takes and what becomes of labels.

The checker asks `problem_with` when a file is loaded; the evaluator calls `call(evaluation, …)`. The theme modules
build theirs by

    plain(f)      f takes and gives plain values; the result carries the names of every argument's secrets
    precise(f)    f takes and gives `Labelled` values and sees to the labels itself
    unlabelled(f) f answers a question about its argument (a length, a test): declassified on purpose
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, NamedTuple

from runner.expressions.nearest import suggestion

Treatment = Literal["plain", "precise", "unlabelled"]


class Applies(NamedTuple):
    """
    A function that takes the name of another one (`map('upper')`): a filter's or a test's, and at which argument
    after the value.
    """

    kind: Literal["filter", "test"]
    position: int


class Function(NamedTuple):
    """
    One filter, function or test.

    `parameters` are the names after the evaluation, the value of a filter first; `required` of them have no default.
    The first `absent` of them may be absent; `applies` says that one of them is another function's name, whose own
    arguments may follow it.
    """

    call: Callable[..., Any]
    parameters: tuple[str, ...]
    required: int
    treatment: Treatment
    absent: int = 0
    applies: Applies | None = None

    def problem_with(self, positional: int, keywords: Collection[str], *, piped: int) -> str | None:
        """
        What is wrong with a call of so many arguments, `piped` of them given by `|` or `is`; None where nothing is.
        """
        names = self.parameters
        for keyword in keywords:
            if keyword not in names[piped:]:
                known = ", ".join(names[piped:]) or "none"
                return f"has no argument `{keyword}`{suggestion(keyword, names[piped:])} (it takes: {known})"
        if positional > len(names):
            return f"takes at most {len(names) - piped} arguments, {positional - piped} are given"
        given = [*names[:positional], *keywords]
        if len(set(given)) < len(given):
            return f"is given `{next(name for name in given if given.count(name) > 1)}` twice"
        missing = [name for name in names[: self.required] if name not in given]
        return f"needs `{missing[0]}`" if missing else None


def plain(call: Callable[..., Any]) -> Function:
    """Labels of the result: the names of every argument's, on the whole."""
    return _function(call, "plain")


def precise(call: Callable[..., Any], *, absent: int = 0, applies: Applies | None = None) -> Function:
    """Takes `Labelled` and gives `Labelled` or `ABSENT`."""
    return _function(call, "precise")._replace(absent=absent, applies=applies)


def unlabelled(call: Callable[..., Any], *, absent: int = 0) -> Function:
    """The answer carries no label."""
    return _function(call, "unlabelled")._replace(absent=absent)


def _function(call: Callable[..., Any], treatment: Treatment) -> Function:
    parameters = list(inspect.signature(call).parameters.values())[1:]
    names = tuple(parameter.name.rstrip("_") for parameter in parameters if parameter.kind is not _KEYWORDS)
    required = sum(parameter.default is parameter.empty for parameter in parameters)
    return Function(call, names, required, treatment)


_KEYWORDS: Final = inspect.Parameter.VAR_KEYWORD
