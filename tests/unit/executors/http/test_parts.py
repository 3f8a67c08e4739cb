"""The pure parts: links, delays, labels, charsets, expectations, addresses."""

from email.utils import formatdate
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.executors.addresses import refused_address, refused_host
from runner.executors.http import failures, labels, media
from runner.executors.http.config import Expect
from runner.executors.http.links import next_link
from runner.expressions.scope import MappingScope
from runner.expressions.template import compile_template
from runner.ports import ExecutorLimits
from runner.redaction.known import is_secret_header


class TestLinks:
    @pytest.mark.parametrize(
        ("header", "target"),
        [
            ('<http://h/2>; rel="next"', "http://h/2"),
            ("</2>;rel=next", "/2"),
            ('<a>; rel="prev", <b>; rel="last next"', "b"),
            ('<a,b;c>; title="x, <y>; rel=next"; rel="NEXT"', "a,b;c"),
            ("<a>; rel=first; rel=next", None),
            ('<a>; title="\\"; rel=\\"next"', None),
            ("<a>; foo; rel = next", "a"),
            ("a; rel=next", None),
            ("<a", None),
            ("", None),
        ],
    )
    def test_the_next_one(self, header: Any, target: Any) -> None:
        """By RFC 8288: quotes, commas inside, several relations, the first `rel` of each."""
        assert next_link(header) == target

    @given(st.text(alphabet='<>;,=" \\relnxt/', max_size=200))
    def test_any_text_ends(self, header: Any) -> None:
        """No text makes it fail or run on."""
        next_link(header)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "delay"),
        [
            ({"retry-after": "0"}, 0.0),
            ({"retry-after": " 120 "}, 120.0),
            ({"retry-after": "-1"}, None),
            ({"retry-after": "1.5"}, None),
            ({"retry-after": "9" * 5000}, None),
            ({"retry-after": formatdate(1090, usegmt=True)}, 90.0),
            ({"retry-after": formatdate(910, usegmt=True)}, 0.0),
            ({"retry-after": formatdate(1090, usegmt=True), "date": formatdate(1060, usegmt=True)}, 30.0),
            ({"retry-after": "Tue, 99 Foo 2026"}, None),
            ({"retry-after": "9999999999 Jan 1 00:00:00 99999999"}, None),
            ({}, None),
        ],
    )
    def test_seconds_and_dates(self, headers: Any, delay: Any) -> None:
        """Dates count from the server's own clock where it says its time; what is neither is nothing."""
        assert failures.wanted_delay(headers, now=1000.0) == delay


class TestLabels:
    @pytest.mark.parametrize(
        ("name", "secret"),
        [
            ("Set-Cookie", True), ("AUTHORIZATION", True), ("X-Api-Key", True), ("X-Auth-Token", True), ("x-amz-security-token", True),
            ("Stripe-Signature", True), ("X-Hub-Signature-256", True), ("X-Client-Secret", True), ("Content-Type", False), ("ETag", False),
            ("X-Token-Count", False), ("X-Request-Id", False),
        ],
    )  # fmt: skip
    def test_header_names(self, name: Any, secret: Any) -> None:
        """Whatever their case; a name that only speaks of tokens is none."""
        assert is_secret_header(name) is secret

    def test_tokens_are_found_wherever_they_stand(self) -> None:
        """In leaves, in headers, under escapes: by value, not by key."""
        answer = {"status": 200, "headers": {"x-echo": "Bearer tok-1", "x": "y"}, "body": [{"a": "x tok-1 y"}, "no"]}
        assert set(labels.secret_parts(answer, b"", ("tok-1",))) == {("headers", "x-echo"), ("body", 0, "a")}

    def test_keys_written_with_escapes_are_found(self) -> None:
        """The quick look at the bytes is not fooled."""
        body = b'{"\\u0061ccess_token": "t"}'
        answer = {"status": 200, "headers": {}, "body": {"access_token": "t"}}
        assert set(labels.secret_parts(answer, body)) == {("body", "access_token")}


class TestMedia:
    @pytest.mark.parametrize(
        "charset", ["punycode", "idna", "unicode_escape", "zip", "rot13", "utf-7", "\x00", "hex", "undefined"]
    )
    def test_codecs_that_are_no_charset_are_not_run(self, charset: Any) -> None:
        """The server's word for a charset opens no other machinery: such text is read as UTF-8."""
        assert media.value(b"a\\u0041", f"text/plain; charset={charset}") == "a\\u0041"

    @given(
        st.binary(max_size=300),
        st.sampled_from(["text/plain", "application/json", "", "text/x; charset=utf-16", "image/png", "x"]),
    )
    def test_any_bytes(self, body: Any, content_type: Any) -> None:
        """A JSON value, or an error of ours; text never holds half a surrogate pair."""
        try:
            found = media.value(body, content_type)
        except media.MalformedError:
            return
        if isinstance(found, str):
            found.encode()


class TestExpect:
    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            (200, "literal"),
            ("200", "literal"),
            ("2xx", "literal"),
            (["2XX", 404], "literal"),
            ("$this.ok", "deferred"),
            ("20", "deferred"),
            ("not $this.body.errors", "deferred"),
        ],
    )
    def test_statuses_are_told_from_expressions(self, raw: Any, kind: str) -> None:
        """A digit and two digits or xx is a status; any other text is computed."""
        assert Expect.leaf_kind(raw) == kind

    @pytest.mark.parametrize("value", [99, 600, True, "2x", [], ["2xx", "no"], None, {}, 200.0])
    def test_what_is_neither(self, value: Any) -> None:
        """The message says what may stand there."""
        with pytest.raises(ValueError, match="expected a status such as 200 or 2xx"):
            Expect.parse(value)

    @pytest.mark.parametrize(
        ("source", "asked"),
        [
            ("$this.status == 404", True),
            ("$this['status'] == 404", True),
            ("$this | length", True),
            ("not $this.body.errors", False),
            ("$this.body.status == 'ok'", False),
            ("$this.statuses", False),
        ],
    )
    def test_an_expression_that_does_not_look_at_the_status_is_asked_about_2xx(self, source: Any, asked: Any) -> None:
        """Only `$this.status` itself, or all of `$this`, makes it decide alone."""
        deferred = compile_template(source, {(): "deferred"}).evaluate(MappingScope({})).value
        assert Expect.parse(deferred).admits(404) is asked
        assert Expect.parse(deferred).admits(201)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        ["169.254.0.1", "fd00:ec2::254", "64:ff9b:1::a9fe:a9fe", "2001:0:a9fe:a9fe::1", "::ffff:100.100.100.200"],
    )
    def test_metadata(self, address: Any) -> None:
        """All of link-local IPv4 counts, inside whatever IPv6 address."""
        assert refused_address(ip_address(address), ExecutorLimits()) is not None
        assert refused_address(ip_address(address), ExecutorLimits(allow_metadata=True)) is None

    @pytest.mark.parametrize(
        "address", ["8.8.8.8", "2606:4700::1111", "10.0.0.1", "127.0.0.1", "::1", "::ffff:8.8.8.8"]
    )
    def test_others_are_fine(self, address: Any) -> None:
        """Private ones too, unless they are off."""
        assert refused_address(ip_address(address), ExecutorLimits()) is None

    @pytest.mark.parametrize(
        "address",
        [
            "10.0.0.1",
            "127.0.0.1",
            "::1",
            "::ffff:10.0.0.1",
            "fc00::1",
            "fe80::1",
            "224.0.0.1",
            "0.0.0.0",
            "100.64.0.1",
            "2002:a00:1::",
        ],
    )
    def test_private(self, address: Any) -> None:
        """Everything that is not of the public internet, where that is all that is allowed."""
        limits = ExecutorLimits(allow_private_networks=False)
        assert refused_address(ip_address(address), limits) is not None
        assert refused_address(ip_address("8.8.8.8"), limits) is None

    @pytest.mark.parametrize(
        "host", ["metadata.google.internal", "metadata.google.internal.", "0xa9fea9fe", "[::ffff:a9fe:a9fe]"]
    )
    def test_hosts(self, host: str) -> None:
        """By name and by literal, before anything is resolved."""
        assert refused_host(host, ExecutorLimits()) is not None
        assert refused_host("face.b00c.test", ExecutorLimits()) is None
