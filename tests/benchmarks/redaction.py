"""
How fast redaction is and what it finds: figures to report, never asserted (`make bench`).

    compiling     100 secrets
    large         85 MB of JSON as one text, 28 MB as a document and as JSON in JSON, with 100 secrets
    small         1 KB with nothing in it, a console line of the log: processor time of one
    hostile       texts that are nothing but escapes
    shapes        twenty secrets in the shapes of libraries: how many are found, and which are not

Kept apart from the tests by its name: `pytest tests/benchmarks/redaction.py -s`.
"""

import io
import json
import random
import string
import time
from collections.abc import Callable

import pytest

from runner import log
from runner.redaction import Redactor
from runner.redaction.matcher import hyperscan
from tests.unit.redaction.shapes import SECRETS, SHAPES, shows

pytestmark = pytest.mark.benchmark

LIBRARY = "hyperscan" if hyperscan is not None else "Aho-Corasick"


def figure(name: str, value: str) -> None:
    """One line of the report."""
    print(f"\nredaction ({LIBRARY}) {name}: {value}")  # noqa: T201  the report


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    chance = random.Random(5)
    letters = string.ascii_letters + string.digits + "+/=-_%&"
    values = {f"S{number}": ["".join(chance.choices(letters, k=chance.randint(16, 60)))] for number in range(100)}
    redactor = Redactor()
    began = time.perf_counter()
    redactor.know("vault", values)
    figure("compiling 100 secrets", f"{(time.perf_counter() - began) * 1e3:.0f} ms")
    return redactor


def entries(count: int) -> list[dict[str, object]]:
    """Orders as an API lists them."""
    chance = random.Random(3)
    return [
        {
            "id": number,
            "name": "John Doe",
            "email": f"john.{number}@example.com",
            "created_at": "2026-01-02T03:04:05Z",
            "note": "the quick brown fox jumps over the lazy dog",
            "tags": ["alpha", "beta"],
            "url": f"https://example.com/items/{number}?page=2",
            "digest": f"{chance.getrandbits(128):032x}",
        }
        for number in range(count)
    ]


def rate(work: Callable[[], object], size: int) -> str:
    began = time.process_time()
    work()
    return f"{size / 1e6 / (time.process_time() - began):.0f} MB/s"


def processor(work: Callable[[], object], times: int = 2_000) -> str:
    found = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - began) / times)
    return f"{min(found) * 1e6:.1f} µs"


class TestRedaction:
    def test_large_values(self, redactor: Redactor) -> None:
        """As one text, as a document, and encoded once more."""
        quarter = entries(100_000)
        text = json.dumps(quarter)
        whole = text * (100_000_000 // len(text))

        figure(f"{len(whole) / 1e6:.0f} MB of JSON as one text", rate(lambda: redactor.text(whole), len(whole)))
        figure(f"{len(text) / 1e6:.0f} MB as a document", rate(lambda: redactor.value(quarter), len(text)))
        encoded = json.dumps(text)
        figure("JSON in JSON", rate(lambda: redactor.text(encoded), len(encoded)))

    def test_small_values(self, redactor: Redactor) -> None:
        """Processor time of one."""
        three = entries(4)
        text = json.dumps(three)[:1024]
        stream = io.StringIO()
        writer = log.Writer(redactor, stream, as_json=False)
        event = {
            "event": "attempt ended",
            "logger": "runner.engine",
            "run": "01m868xark",
            "action": "fetch",
            "attempt": 1,
        }

        figure("1 KB of text", processor(lambda: redactor.text(text)))
        figure("1 KB as a document", processor(lambda: redactor.value(three)))
        figure("a console line of the log", processor(lambda: writer.write("info", event)))

    @pytest.mark.parametrize("unit", ["%41", "\\\\", "''", "aB3", "ab12", "eyJ", "%25%5C&amp;''=3D\\u0041\n aGVsbG8"])
    def test_hostile_texts(self, unit: str, redactor: Redactor) -> None:
        """A megabyte of it."""
        text = unit * (1_000_000 // len(unit))

        figure(f"a text of {unit!r}", rate(lambda: redactor.text(text), len(text)))

    def test_shapes(self) -> None:
        """The table: a row a shape."""
        redactor = Redactor()
        redactor.know("vault", {name: [value] for name, value in SECRETS.items()})
        missed = {
            shape: [name for name, value in SECRETS.items() if shows(name, shape, redactor.text(write(value)))]
            for shape, write in SHAPES.items()
        }
        for shape, names in missed.items():
            figure(f"{shape:<22}", f"{len(SECRETS) - len(names)} of {len(SECRETS)} {' '.join(names)}")
        found = len(SECRETS) * len(SHAPES) - sum(map(len, missed.values()))
        figure("all shapes", f"{found} of {len(SECRETS) * len(SHAPES)}")
