"""Twenty secrets in the shapes in which libraries write them, with Aho-Corasick and with hyperscan."""

import pytest

from runner.redaction import Redactor
from tests.unit.redaction.shapes import BEYOND, SECRETS, SHAPES, shows


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.know("vault", {name: [value] for name, value in SECRETS.items()})
    return redactor


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_no_secret_shows_through(self, shape: str, redactor: Redactor) -> None:
        """Alone, within a sentence and within a document, in each shape; and masking it again changes nothing."""
        for name, value in SECRETS.items():
            if (name, shape) in BEYOND:
                continue
            written = SHAPES[shape](value)
            masked = redactor.text(written)

            assert not shows(name, shape, masked), (name, masked)
            assert redactor.text(masked) == masked
            assert redactor.value({"a": ["x", {written: written}]}) == {"a": ["x", {masked: masked}]}

    @pytest.mark.parametrize(("name", "shape"), sorted(BEYOND))
    def test_what_the_list_leaves_out_is_known(self, name: str, shape: str, redactor: Redactor) -> None:
        """Once one of these is found, it belongs to the others."""
        assert shows(name, shape, redactor.text(SHAPES[shape](SECRETS[name])))
