"""What holds for every document: nothing secret left, nothing else changed, still JSON, the same when masked twice, linear."""

import json
import time
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.redaction import FAILED, Redactor
from runner.redaction.forms import is_telling

LETTERS = st.text('abcdefghijklmnopqrstuvwxyz0123456789"\\/+&%é ', min_size=8, max_size=24)
SECRETS = LETTERS.filter(lambda text: is_telling(text.encode()))
NAMES = st.sampled_from(["A", "B_TOKEN", "env.URL"])
VALUES = st.dictionaries(NAMES, st.lists(SECRETS, min_size=1, max_size=2), min_size=1)
TEXTS = st.one_of(st.text(max_size=30), LETTERS)


@st.composite
def documents(draw: Any) -> Any:
    """Secrets, and a JSON value with some of them in it: as leaves, within texts, as keys, as JSON within a text."""
    values = draw(VALUES)
    known = st.sampled_from([text for texts in values.values() for text in texts])
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
        known,
        st.tuples(TEXTS, known, TEXTS).map("".join),
        known.map(lambda text: json.dumps({"k": text})),
    )
    keys = st.one_of(TEXTS, known)
    document = draw(
        st.recursive(
            leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
        )
    )
    return values, document


class TestProperties:
    @given(documents())
    @settings(max_examples=150, deadline=None)
    def test_a_masked_document_holds_no_secret_and_stays_json(self, made: Any) -> None:
        """In none of its leaves, keys or encodings; and masking it again changes nothing."""
        values, document = made
        redactor = Redactor()
        redactor.know("vault", values)

        masked = redactor.value(document)
        written = json.dumps(masked)

        assert json.loads(written) == masked
        assert redactor.value(masked) is masked or redactor.value(masked) == masked
        for text in (text for texts in values.values() for text in texts):
            assert text not in "\n".join(_texts(masked)).replace("[secret ", "").replace("]", "")

    @given(documents())
    @settings(max_examples=100, deadline=None)
    def test_nothing_but_secrets_is_replaced(self, made: Any) -> None:
        """Each text that holds no form of a secret stays what it is, each number and each place too."""
        values, document = made
        redactor = Redactor()
        redactor.know("vault", values)

        before, after = list(_texts(document)), list(_texts(redactor.value(document)))

        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert old == new or any(_holds(old, text) for texts in values.values() for text in texts)

    @given(VALUES, st.text(max_size=200))
    @settings(max_examples=100, deadline=None)
    def test_masking_a_text_twice_is_masking_it_once(self, values: Any, around: Any) -> None:
        """With every known value in it, next to each other and within masks."""
        redactor = Redactor()
        redactor.know("vault", values)
        every = [text for texts in values.values() for text in texts]

        once = redactor.text(
            around + "".join(every) + f"[secret {every[0]}]" + "".join(f"[secret {name}]" for name in values)
        )

        assert redactor.text(once) == once != FAILED

    @pytest.mark.parametrize("unit", ["a" * 8, "canary-0001 ", "canary-000", "[secret X] canary-0001 "])
    def test_time_grows_with_the_length_and_no_faster(self, unit: Any) -> None:
        """Eight times the text takes far less than 64 times as long: hits, near misses, masks."""
        redactor = Redactor()
        redactor.know("vault", {"X": ["canary-0001"], "Y": ["a" * 8], "Z": ["a" * 9]})

        short, long = (_best(redactor, unit * count) for count in (500, 4_000))

        assert long < 32 * short


def _holds(text: str, secret: str) -> bool:
    """As it stands, in another case, behind JSON's escapes or %'s, or the beginning of it at an end."""
    readings = {text, text.replace('\\"', '"').replace("\\\\", "\\"), unquote(text)}
    third = max(8, -(-len(secret.encode()) // 3))
    return any(secret.lower() in each.lower() or secret[:third] in each or secret[-third:] in each for each in readings)


def _best(redactor: Redactor, text: Any) -> Any:
    times = []
    for _ in range(5):
        begin = time.thread_time()
        redactor.text(text)
        times.append(time.thread_time() - begin)
    return min(times)


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    else:
        yield repr(value)
