"""
Tokens that are known for what they are, whoever's they may be: AWS, GitHub, GitLab, Slack, Google, Stripe, keys, JWTs.

    PATTERNS: what each begins with ──► what it looks like from there, what its mask calls it

`runner.redaction.needles` looks for the beginnings among all other needles and asks the pattern only there; executors
ask `holds_token` which parts of an answer are secret. No pattern may look at a byte more than a few times, whatever the
text: each starts where a word starts and ends where the word ends.
"""

import re
from typing import Final, NamedTuple


class Token(NamedTuple):
    """A kind of token: `name` for the mask, how one begins, the whole of it."""

    name: str
    beginnings: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def holds_token(text: str) -> bool:
    """True where a known token stands in the text."""
    data = text.encode("utf-8", "replace")
    return any(
        token.pattern.search(data) is not None
        for token in PATTERNS
        if any(beginning in data for beginning in token.beginnings)
    )


def _token(name: str, beginnings: str, rest: str, *, after_word: bool = False) -> Token:
    marks = beginnings.split()
    start = "" if after_word else r"(?<![A-Za-z0-9_-])"
    whole = f"{start}(?:{'|'.join(map(re.escape, marks))}){rest}"
    return Token(name, tuple(mark.encode() for mark in marks), re.compile(whole.encode()))


PATTERNS: Final = (
    _token("AWS key", "AKIA ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"[A-Za-z0-9_]{30,}"),
    _token("GitLab token", "glpat- gldt- glrt- glptt-", r"[A-Za-z0-9_.-]{20,}"),
    _token("Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[A-Za-z0-9-]{10,}"),
    _token("Google key", "AIza", r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _token("Google token", "ya29. GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    _token("Stripe key", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_", r"[A-Za-z0-9+/=]{16,}"),
    _token("JWT", "eyJ", r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}"),
    _token(
        "private key",
        "-----BEGIN",
        r"[A-Z0-9 ]{0,40} PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){16,}"
        r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        after_word=True,
    ),
)
