"""
Twenty secrets that do not exist and the shapes in which libraries write them: what a redactor is held against.

    SECRETS: name → value          SHAPES: name → how a library would write that value in a text
"""

import base64
import html
import json
import quopri
import shlex
import textwrap
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from types import MappingProxyType
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import quoteattr

import httpx
from yarl import URL

SECRETS: Mapping[str, str] = MappingProxyType(
    {
        "PLAIN": "canary0123456789abcdefABCDEF",
        "SHORT": "cnry-9Zq",
        "LONG": "".join(f"canary-{number:04d}/" for number in range(100)),
        "PUNCTUATION": "c4n@ry/+key&=?#%:;~!$*()",
        "QUOTES": "can'ary\"quo'ted`secret`",
        "BACKSLASHES": "can\\ary\\n0t\\x41\\\\end\\",
        "NON_ASCII": "canär¥-пароль-秘密-🔑",
        "UPPER_NON_ASCII": "ÜBERCANARY-ÅÄÖ-ß",
        "SPACES": "correct canary battery staple <now>",
        "PEM": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFCANARY00\nCanaryLine2+/abcdefghijklmnopqrstuvw\n-----END PRIVATE KEY-----\n",
        "JSON": '{"type": "service", "client_email": "canary@robots.test", "private_key": "canary\\nkey+/material=="}',
        "URL": "postgres://canary_user:c4n%40ry-p%2Fss@db.internal:5432/app",
        "HOOK": "https://hooks.example.test/services/T00CANARY/B00/xYzCanary123",
        "BINARY": "\x01\x02can\x7fary\x1b[0m\x0b\x0c",
        "BASE64": "Y2FuYXJ5LWJ5dGVzLzArMQ+/==",
        "HEX": "deadbeefcafe0123456789abcdef0011",
        "DIGITS": "90817263549081726354",
        "MARKUP": "<canary a='1'>&amp;&lt;</canary>",
        "TRAILING": "canary-with-a-break\n",
        "PERCENT": "canary%41%2F%25already%20encoded",
    }
)


def _httpx(value: str) -> str:
    return str(httpx.URL("https://api.test/", params={"q": value}))


def _yarl(value: str) -> str:
    return str(URL("https://api.test/").with_query(q=value))


def _base64(offset: int, encode: Callable[[bytes], bytes] = base64.b64encode) -> Callable[[str], str]:
    return lambda value: encode(b"user:"[:offset] + value.encode() + b"\nrest").decode()


def _mail(value: str) -> str:
    message = EmailMessage()
    message.set_content(f"It is {value} today, {'x' * 30}", cte="quoted-printable")
    return message.as_string()


def _cut(mark: str) -> Callable[[str], str]:
    """As asyncpg shows an argument: the first 40 characters of what is longer."""
    return lambda value: f"invalid input: {value[:40] if len(value) > 40 else value[: len(value) - 1]}{mark}"


SHAPES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "plain": str,
        "httpx query": _httpx,
        "httpx query twice": lambda value: _httpx(_httpx(value)),
        "yarl query": _yarl,
        "yarl query twice": lambda value: _yarl(_yarl(value)),
        "quote": quote,
        "quote_plus": quote_plus,
        "quote twice": lambda value: quote(quote(value, safe=""), safe=""),
        "userinfo of a URL": lambda value: f"https://user:{quote(value, safe='')}@api.test/",
        "JSON": json.dumps,
        "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False),
        "JSON in JSON": lambda value: json.dumps(json.dumps({"k": value})),
        "JSON of Go": lambda value: (
            json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        ),
        "JSON of PHP": lambda value: json.dumps(value).replace("/", "\\/"),
        "repr of text": repr,
        "repr of bytes": lambda value: repr(value.encode()),
        "base64": _base64(0),
        "base64, one in": _base64(1),
        "base64, two in": _base64(2),
        "base64url": _base64(0, base64.urlsafe_b64encode),
        "base64url, one in": _base64(1, base64.urlsafe_b64encode),
        "base64url, two in": _base64(2, base64.urlsafe_b64encode),
        "base64 in lines": lambda value: base64.encodebytes(b"x" * 50 + value.encode() + b"y" * 50).decode(),
        "base64 of JSON": lambda value: base64.b64encode(json.dumps({"k": value}).encode()).decode(),
        "base64 of UTF-16": lambda value: base64.b64encode(value.encode("utf-16-le")).decode(),
        "Basic credentials": lambda value: "Basic " + base64.b64encode(f"someone:{value}".encode()).decode(),
        "base32": lambda value: base64.b32encode(value.encode()).decode(),
        "hex": lambda value: value.encode().hex(),
        "hex in upper case": lambda value: value.encode().hex().upper(),
        "bytea": lambda value: "\\x" + value.encode().hex(),
        "HTML": html.escape,
        "HTML, numbers": lambda value: "".join(f"&#{ord(letter)};" for letter in value),
        "HTML, hex numbers": lambda value: "".join(f"&#x{ord(letter):X};" for letter in value),
        "XML attribute": quoteattr,
        "SQL literal": lambda value: "'" + value.replace("'", "''") + "'",
        "SQL literal of MySQL": lambda value: "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'",
        "CSV": lambda value: '"' + value.replace('"', '""') + '"',
        "shell": shlex.quote,
        "quoted-printable": lambda value: quopri.encodestring(value.encode(), quotetabs=True).decode(),
        "mail": _mail,
        "folded lines": lambda value: "\n  ".join(
            textwrap.wrap(value, 20, drop_whitespace=False, break_on_hyphens=False)
        ),
        "upper case": str.upper,
        "lower case": str.lower,
        "cut, three dots": _cut("..."),
        "cut, ellipsis": _cut("…"),
        "cut, end": _cut(""),
    }
)

BEYOND: frozenset[tuple[str, str]] = frozenset(
    ("SHORT", shape) for shape in ("upper case", "lower case", "cut, three dots", "cut, ellipsis", "cut, end")
)
"""What the list of forms leaves out: another case of a secret under 12 bytes, a beginning under 8."""

_TELLING: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "PEM": ("miievqibadan", "f canary", "canaryline2", "abcdefgh"),
        "JSON": ("canary", "robots", "material"),
        "URL": ("canary", "c4n", "p%2f", "ss@", "internal"),
    }
)
"""Of the secrets that hold others, what tells something: frames, keys and a database's host do not."""


def shows(secret: str, shape: str, masked: str) -> bool:
    """
    True where a masked text still shows the secret.

    What is left beside masks and what the shape writes around nothing are some letters at most: those of base64 and
    base32 that encode a neighbour too.
    """
    left = masked
    while "[secret " in left:
        head, _, tail = left.partition("[secret ")
        left = head + tail.partition("]")[2]
    telling = _TELLING.get(secret)
    if left != masked and telling and not any(word in left.lower() for word in telling):
        return False
    around = SHAPES[shape]("")
    return left == masked or len(left) > len(around) + 14
