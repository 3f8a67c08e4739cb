"""
Every filter, function and test that an expression may use, by name (language, the library).

    FILTERS["lower"], FUNCTIONS["now"], TESTS["defined"] → Function

Read-only mappings put together from the theme modules; nothing adds to them. `ELSEWHERE` holds what other systems
call a thing that is here under another name, for messages. `runner.expressions.check` and `evaluate` read them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runner.expressions.library import arithmetic, crypto, dates, encoding, formats, lists, mappings, predicates, texts
from runner.expressions.library.function import Function

FILTERS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        **texts.FILTERS,
        **arithmetic.FILTERS,
        **lists.FILTERS,
        **mappings.FILTERS,
        **dates.FILTERS,
        **encoding.FILTERS,
        **crypto.FILTERS,
        **formats.FILTERS,
    }
)
FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType({**dates.FUNCTIONS, **crypto.FUNCTIONS})
TESTS: Final[Mapping[str, Function]] = predicates.TESTS

ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "count": "write `| length`",
        "len": "write `| length`",
        "d": "write `| default(…)`",
        "to_json": "write `| tojson`",
        "from_json": "write `| fromjson`",
        "json": "write `| tojson` or `| fromjson`",
        "regex_replace": "write `| sub(regex, new)`",
        "regex_search": "write `| find(regex)`",
        "regex_match": "write `| match(regex)`",
        "groupby": "write `| by(attribute, many=true)`",
        "combine": "write `| merge(other)`",
        "flatten": "write `| flat`",
        "dictsort": "write `| items | sort(attribute=0)`",
        "dict2items": "write `| items`",
        "strftime": "write `| date(format)`",
        "format": "join texts by `~`, write dates by `| date(format)`",
        "concat": "join texts by `~`",
        "contains": "write `x in y`",
        "equalto": "write `eq`",
        "sha256": "write `| hash('sha256')`",
        "sha1": "write `| hash('sha1')`",
        "md5": "write `| hash('md5')`",
        "capitalize": "write `| title`",
        "range": "there are no loops; lists come from references",
        "get": "write x.key or x['key']",
        "safe": "nothing is escaped; leave it out",
        "escape": "nothing is escaped here",
    }
)
