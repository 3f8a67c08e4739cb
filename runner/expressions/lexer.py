"""
The words of an expression, as tokens that Jinja's parser takes.

    "$input.n + 1 }} …" ──tokenize()──► Tokens([name "$input.n", add, integer 1], {"$input.n": Reference}, end after }})

Jinja's own lexer would read `{%` and `{#`, decode 5,000 times `9` as a number and know no `$`; this one knows
references, bounds everything it reads and puts the offset of each token where Jinja keeps the line, so that every node
of the tree knows its place. `runner.expressions.parse` is the only caller.
"""

import re
from typing import Any, Final, NamedTuple

from jinja2.lexer import Token

from runner.errors import ExpressionSyntaxError
from runner.expressions.bounds import MAX_DEPTH, MAX_DIGITS, MAX_EXPRESSION_CHARACTERS
from runner.expressions.reference import Reference, read_escape, read_reference

_OPERATORS: Final = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow", "~": "tilde",
    "(": "lparen", ")": "rparen", "[": "lbracket", "]": "rbracket", "{": "lbrace", "}": "rbrace",
    "<": "lt", ">": "gt", "<=": "lteq", ">=": "gteq", "==": "eq", "!=": "ne",
    "=": "assign", ".": "dot", ":": "colon", "|": "pipe", ",": "comma",
}  # fmt: skip

_CURES: Final = {
    "&&": "write `and`", "||": "write `or`", "!": "write `not`", "!==": "write `!=`", "===": "write `==`",
    "<>": "write `!=`", "?": "write `x if condition else y`",
    "?.": "write `.`: a path that leads nowhere is absent, not an error",
    "??": "write `| default(…)`", "&": "write `and`, or `~` to join texts", "`": "write '…' or \"…\"",
    ";": "an expression is one value",
}  # fmt: skip

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    |(?P<wrong>&&|\|\||===|!==|!(?!=)|<>|\?\.|\?\?|\?|&|`|;)
    |(?P<number>0[xXbBoO]\w+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<operator>\*\*|//|==|!=|>=|<=|[-+*/%~()\[\]{}<>=.:|,])
    """,
    re.VERBOSE | re.DOTALL,
)
_DIGITS: Final = re.compile(r"[0-9]+")
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_PLAIN_ESCAPES: Final = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "/": "/",
    "\n": "",
}
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Tokens(NamedTuple):
    """`tokens` for Jinja's parser, the references among them with their offsets, and where the text goes on."""

    tokens: list[Token]
    references: dict[str, Reference]
    places: list[tuple[Reference, int]]
    end: int


class _Lexer:
    """One pass over one expression; `braces` says that it ends at `}}`, not at the end of the text."""

    def __init__(self, text: str, start: int, *, braces: bool) -> None:
        self.text = text
        self.start = self.at = start
        self.braces = braces
        self.tokens: list[Token] = []
        self.references: dict[str, Reference] = {}
        self.places: list[tuple[Reference, int]] = []
        self.open: list[tuple[str, int]] = []

    def run(self) -> Tokens:
        while self.at < len(self.text):
            if self.at - self.start > MAX_EXPRESSION_CHARACTERS:
                raise self.error(f"an expression has at most {MAX_EXPRESSION_CHARACTERS:,} characters", self.start)
            if self.braces and not self.open and self.text.startswith("}}", self.at):
                return self.finish(self.at + 2)
            self.read_one()
        if self.open:
            bracket, at = self.open[-1]
            raise self.error(f"`{bracket}` is never closed", at)
        if self.braces:
            raise self.error("`{{` is never closed by `}}`", self.start - 2)
        return self.finish(self.at)

    def finish(self, end: int) -> Tokens:
        if not self.tokens:
            raise self.error("an expression is empty here", max(self.start - 2, 0))
        self.tokens.append(Token(self.at, "eof", ""))
        return Tokens(self.tokens, self.references, self.places, end)

    def read_one(self) -> None:
        at = self.at
        if self.text[at] == "$":
            self.read_reference(at)
            return
        found = _TOKEN.match(self.text, at)
        if found is None:
            raise self.unreadable(at)
        self.at = found.end()
        if found.lastgroup != "space":
            _READERS[found.lastgroup or ""](self, found[0], at)

    def add(self, at: int, kind: str, value: Any) -> None:
        self.tokens.append(Token(at, kind, value))

    def read_reference(self, at: int) -> None:
        found = read_reference(self.text, at, inside=False)
        if found is None:
            raise self.error("`$` begins no reference here; write one as $input.NAME or $action.ID", at)
        source = self.text[at : found.end]
        self.references[source] = found.reference
        self.places.append((found.reference, at))
        self.add(at, "name", source)
        self.at = found.end

    def read_number(self, text: str, at: int) -> None:
        if self.tokens and self.tokens[-1].type == "dot":
            text = _DIGITS.match(self.text, at)[0]  # type: ignore[index]  # a number begins with a digit
            self.at = at + len(text)
        if len(text) > MAX_DIGITS:
            raise self.error(f"a number has at most {MAX_DIGITS:,} digits", at)
        whole = not any(mark in text for mark in ".eE") or text[:2] in {"0x", "0X"}
        try:
            value = int(text, 0) if whole else float(text.replace("_", ""))
        except ValueError:
            raise self.error("this is no number; one is written as 12, 1.5 or 1e3, without leading zeros", at) from None
        if value == float("inf"):
            raise self.error("this number is too large", at)
        self.add(at, "integer" if whole else "float", value)

    def read_name(self, text: str, at: int) -> None:
        self.add(at, "name", "none" if text == "null" else text)

    def read_text(self, text: str, at: int) -> None:
        content = text[1:-1]
        if "$" in content:
            content = self.refuse_references(content, at + 1)
        if "\\" in content:
            content = _ESCAPE.sub(_unescape, content)
            content = _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), content)
        self.add(at, "string", content)

    def refuse_references(self, content: str, offset: int) -> str:
        """The text with `$$` made into `$` where a reference would follow; a reference itself is an error."""
        pieces, at = [], 0
        while (dollar := content.find("$", at)) >= 0:
            end = read_escape(content, dollar)
            pieces.append(content[at:dollar])
            if end is not None:
                pieces.append(content[dollar + 1 : end])
                at = end
                continue
            try:
                found = read_reference(content, dollar)
            except ExpressionSyntaxError as error:
                error.offset += offset
                raise
            if found:
                raise self.error(
                    f"{found.reference} stands inside quotes and would be plain text; write it without quotes and "
                    f"join by `~`: '…' ~ {found.reference}",
                    offset + dollar,
                )
            pieces.append("$")
            at = dollar + 1
        return "".join([*pieces, content[at:]])

    def read_operator(self, text: str, at: int) -> None:
        if text in "([{":
            self.open.append((text, at))
            if len(self.open) > MAX_DEPTH:
                raise self.error(f"brackets are nested deeper than {MAX_DEPTH}", at)
        elif text in _CLOSES:
            if not self.open or self.open[-1][0] != _CLOSES[text]:
                raise self.error(f"`{text}` closes nothing here", at)
            self.open.pop()
        self.add(at, _OPERATORS[text], text)

    def read_wrong(self, text: str, at: int) -> None:
        raise self.error(f"`{text}` is not known here: {_CURES[text]}", at)

    def unreadable(self, at: int) -> ExpressionSyntaxError:
        if self.text[at] in "'\"":
            return self.error("this quote is never closed", at)
        return self.error(f"{self.text[at]!a} means nothing in an expression", at)

    def error(self, message: str, at: int) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(message, offset=at)


_READERS: Final = {
    "number": _Lexer.read_number,
    "name": _Lexer.read_name,
    "text": _Lexer.read_text,
    "operator": _Lexer.read_operator,
    "wrong": _Lexer.read_wrong,
}


def tokenize(text: str, start: int, *, braces: bool) -> Tokens:
    """
    The tokens of the expression that begins at `start`: up to its `}}` (`braces`), or to the end of the text.

    Raises `ExpressionSyntaxError` with the offset within `text`.
    """
    return _Lexer(text, start, braces=braces).run()


def _unescape(escape: re.Match[str]) -> str:
    r"""
    JSON's escapes and `\xHH`; a backslash before anything else is a backslash, so that regular expressions read
    well.
    """
    what = escape[1]
    if len(what) > 1:
        return chr(int(what[1:], 16))
    return _PLAIN_ESCAPES.get(what, escape[0])
