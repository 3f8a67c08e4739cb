"""URLs: taken apart, brought to one spelling, refused with the reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.executors.http.target import TargetError, join, parse, with_query


class TestParse:
    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("http://h", "http://h/"),
            ("HTTPS://API.Test:443/A?B=c#frag", "https://api.test/A?B=c"),
            ("http://h:8080?x", "http://h:8080/?x"),
            ("http://h:/", "http://h/"),
            (" http://h/ ", "http://h/"),
            (
                "http://bücher.example/ü?ä=%C3%A4&b=%zz&c=a b",
                "http://xn--bcher-kva.example/%C3%BC?%C3%A4=%C3%A4&b=%25zz&c=a%20b",
            ),
            ("http://h/a/../b/./%2e?x=[1]|{2}", "http://h/a/../b/./%2e?x=%5B1%5D%7C%7B2%7D"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://0177.0.0.01./", "http://127.0.0.1/"),
            ("http://a.b./", "http://a.b./"),
            ("http://x@evil@good/", "http://good/"),
        ],
    )
    def test_one_spelling(self, text: str, url: str) -> None:
        """Host in lower case, ASCII, dotted; the rest byte for byte but for what no URL may hold."""
        assert parse(text).url == url

    @pytest.mark.parametrize(
        "text",
        [
            "", "h", "//h/", "ftp://h/", "http://", "http:///x", "http://:80/", "http://a b/", "http://a%41/", "http://a..b/", "http://h:99999/", "http://h:0/",
            "http://h:8a/", "http://[::1", "http://[::g]/", "http://[fe80::1%25eth0]/", "http://1.2.3.4.5/", "http://256.256.256.256/", "http://999999999999/",
            "http://h\\@evil/", "http://h\r\nX: y/", "http://h/\x00", "http://h/\x7f", "http://" + "a" * 300 + "/", "http://h/" + "a" * 20_000, "http://xn--\ud800/",
            "javascript:alert(1)", "http://ex*ample/", "http://h:\uff11/",
        ],
    )  # fmt: skip
    def test_what_is_no_target(self, text: str) -> None:
        """An error of ours, which does not quote the URL."""
        with pytest.raises(TargetError) as caught:
            parse(text)
        assert len(text) < 8 or text not in str(caught.value)

    @given(st.text(max_size=60).map(lambda text: f"http://{text}") | st.text(max_size=60))
    def test_any_text(self, text: str) -> None:
        """A target or an error of ours; what was read is read the same again."""
        try:
            found = parse(text)
        except TargetError:
            return
        assert found.url.isascii()
        again = parse(found.url)
        assert again == found._replace(user="")

    def test_origin_and_authority(self) -> None:
        """The scheme's own port is not written; a final dot makes no other origin."""
        assert parse("https://h.:443/").origin == parse("https://h/x").origin
        assert parse("http://h:81/").authority == "h:81"
        assert parse("http://h:80/").origin != parse("https://h:80/").origin


class TestQuery:
    @pytest.mark.parametrize(
        ("pairs", "query"),
        [
            ([], "a=1&b=%2F&a=2&c"),
            ([("b", "x y"), ("b", "&=+")], "a=1&a=2&c&b=x%20y&b=%26%3D%2B"),
            ([("a", None), ("c", None)], "b=%2F"),
            ([("ü", "é")], "a=1&b=%2F&a=2&c&%C3%BC=%C3%A9"),
        ],
    )
    def test_keys_replace_those_of_the_url(self, pairs: Any, query: Any) -> None:
        """All of the same name; others stay as they were written."""
        assert with_query(parse("http://h/?a=1&b=%2F&a=2&c"), pairs).query == query


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("/x", "http://h/x"),
        ("y?z", "http://h/a/y?z"),
        ("//o/p", "http://o/p"),
        ("https://o", "https://o/"),
        ("?q=2", "http://h/a/b?q=2"),
        ("", "http://h/a/b?q=1"),
    ],
)
def test_join(reference: Any, url: str) -> None:
    """References as RFC 3986 resolves them."""
    assert join(parse("http://h/a/b?q=1"), reference).url == url
