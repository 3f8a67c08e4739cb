"""What holds for every document: nothing secret left, nothing else changed, still JSON, the same when masked twice, linear."""

import html
import json
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.redaction import FAILED, Redactor
from runner.redaction.forms import is_telling

LETTERS = st.text('abcdefghijklmnopqrstuvwxyz0123456789"\\/+&%é ', min_size=8, max_size=24)
SECRETS = LETTERS.filter(lambda text: is_telling(text.encode()))
NAMES = st.sampled_from(["A", "B_TOKEN", "env.URL"])
VALUES = st.dictionaries(NAMES, st.lists(SECRETS, min_size=1, max_size=2), min_size=1)
DOCUMENTS = int(os.environ.get("RUNNER_TEST_DOCUMENTS", "3000"))
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

    def test_of_thousands_of_documents_nothing_but_secrets_is_replaced(self) -> None:
        """Each leaf is what it was, or has one mask just where a secret was written, in whatever way."""
        chance = random.Random(7)
        secrets = {f"S{number}": _letters(chance, ALPHABET, 16, 40) for number in range(20)}
        redactor = Redactor()
        redactor.know("vault", {name: [text] for name, text in secrets.items()})

        for _ in range(DOCUMENTS // 10):
            made = [_document(chance, secrets) for _ in range(10)]
            document, expected = [one for one, _ in made], [other for _, other in made]
            masked = redactor.value(document)

            assert masked == expected
            assert json.loads(json.dumps(masked)) == masked

    @pytest.mark.parametrize("unit", ["a" * 8, "canary-0001 ", "canary-000", "[secret X] canary-0001 "])
    def test_time_grows_with_the_length_and_no_faster(self, unit: Any) -> None:
        """Eight times the text takes far less than 64 times as long: hits, near misses, masks."""
        redactor = Redactor()
        redactor.know("vault", {"X": ["canary-0001"], "Y": ["a" * 8], "Z": ["a" * 9]})

        short, long = (_best(redactor, unit * count) for count in (500, 4_000))

        assert long < 32 * short


ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+&%<'é "
NOISE = [
    "the quick fox",
    "%41%2F",
    '{\\"a\\": 1}',
    "&amp;lt;",
    "''",
    "=3D",
    "aGVsbG8gd29ybGQgaXQgaXM=",
    "deadbeef" * 3,
    "…",
    "a\n b",
]
WAYS: list[Callable[[str], str]] = [
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(json.dumps(text))[3:-3],
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    html.escape,
    lambda text: html.escape(json.dumps(text)[1:-1]),
    lambda text: text.encode().hex(),
    lambda text: text.replace("'", "''"),
]


def _letters(chance: random.Random, alphabet: str, least: int, most: int) -> str:
    return "c" + "".join(chance.choices(alphabet, k=chance.randint(least, most))) + "y"


def _document(chance: random.Random, secrets: Mapping[str, str]) -> tuple[Any, Any]:
    """A document, and what it has to look like when it is masked."""
    document, expected = {}, {}
    for place in range(chance.randint(1, 2)):
        before, after = (" ".join(chance.choices(NOISE, k=chance.randint(0, 3))) for _ in range(2))
        name = chance.choice([*secrets, "", "", ""])
        written = chance.choice(WAYS)(secrets[name]) if name else "nothing"
        mask = f"[secret {name}]" if name else "nothing"
        document[f"k{place}"] = [place, f"{before} {written} {after}"]
        expected[f"k{place}"] = [place, f"{before} {mask} {after}"]
    return document, expected


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
