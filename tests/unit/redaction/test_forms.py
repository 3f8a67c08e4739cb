"""Which byte strings stand for a secret."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from runner.redaction import Redactor
from runner.redaction.cuts import cuts
from runner.redaction.forms import forms

SECRET = 'pa"ss/wörd+&% \\x'
DATA = SECRET.encode()


class TestForms:
    @pytest.mark.parametrize(
        "form",
        [
            SECRET,
            json.dumps(SECRET)[1:-1],
            json.dumps(SECRET, ensure_ascii=False)[1:-1],
            json.dumps(SECRET)[1:-1].replace("/", "\\/"),
            json.dumps(SECRET)[1:-1].replace("\\u00f6", "\\u00F6"),
            json.dumps(json.dumps(SECRET))[3:-3],
            repr(SECRET)[1:-1],
            repr(json.dumps(SECRET))[2:-2],
            quote(SECRET),
            quote(SECRET, safe=""),
            quote(SECRET, safe="").lower(),
            quote(SECRET, safe="!'()*~"),
            quote_plus(SECRET),
        ],
    )
    def test_a_value_is_looked_for_as_each_library_writes_it(self, form: Any) -> None:
        """Plain, JSON with and without ASCII escapes, JSON in JSON, Python's repr, percent encoding in both cases and with each set of safe characters."""
        redactor = Redactor()
        redactor.know("vault", {"X": [SECRET]})

        assert redactor.text(f"<{form}>") == "<[secret X]>"

    @pytest.mark.parametrize("before", ["", "u", "us", "user:", "användare:"])
    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    def test_base64_is_found_at_every_offset(self, before: Any, encode: Any) -> None:
        """Whatever stands before it, as the user's name in Basic credentials, most of the encoded value is a needle."""
        text = encode(before.encode() + DATA + b":after")

        assert any(form.data in text and len(form.data) >= len(DATA) for form in forms(SECRET))

    @pytest.mark.parametrize(
        ("value", "part"),
        [
            ("first-line\nsecond-line\n", "second-line"),
            ("-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----", "MIIEvQIBADAN"),
            ('{"type": "x", "private_key": "abcdefghijk"}', "abcdefghijk"),
            ('[{"key": "line-one-of-it\\nline-two-of-it"}]', "line-two-of-it"),
            ("postgres://app:s3cr%40et-pw@db/x", "s3cr%40et-pw"),
            ("postgres://app:s3cr%40et-pw@db/x", "s3cr@et-pw"),
            ("postgres://app_writer:s3cr%40et-pw@db/x", "app_writer"),
            ("host=db user=app password='s3cr et-pw'", "s3cr et-pw"),
            ("https://api.test/x?api_key=abc-def-ghi&y=1", "abc-def-ghi"),
            ('{"dsn": "mysql://app:p4ss-w0rd@db/x"}', "p4ss-w0rd"),
            ('{"pin": 123456789012}', "123456789012"),
            ("ends-with-a-break\n", "ends-with-a-break"),
        ],
    )
    def test_telling_parts_of_a_value_are_looked_for_by_themselves(self, value: Any, part: Any) -> None:
        """Lines, JSON leaves (and their lines), a URL's password as it stands and decoded."""
        assert part.encode() in {form.data for form in forms(value)}

    @pytest.mark.parametrize(
        ("value", "part"),
        [
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADAN\n", "-----BEGIN RSA PRIVATE KEY-----"),
            ("first-line\n{\n", "{"),
            ("first-line\nshort\n", "short"),
            ("short", "short"),
            ("1234567", "1234567"),
            ("DELETE", "DELETE"),
            ("application/json", "application/json"),
            ("postgres://postgres:abc@db/x", "postgres"),
        ],
    )
    def test_what_is_short_or_common_is_never_looked_for(self, value: Any, part: Any) -> None:
        """Frames, braces, forms under six bytes, short numbers and words of HTTP would hide every other text."""
        assert part.encode() not in {form.data for form in forms(value)}

    @pytest.mark.parametrize(
        "value", ["http://[broken", '{"not": json', "[" * 100_000, "\ud800\udfff-lone", "a\n" * 50]
    )
    def test_a_value_of_any_shape_has_forms(self, value: Any) -> None:
        """Something that looks like a URL or JSON and is none is text."""
        assert all(form.data for form in forms(value))
        assert all(cut.data for cut in cuts(value))
