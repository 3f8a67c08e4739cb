"""
The text of one expression as a checked syntax tree.

    "$input.n + 1" ──tokenize()──► tokens ──Jinja's parser──► tree ──check()──► Parsed

Jinja parses and does nothing else: its optimizer, which folds `'a' * 10**9` at load, its compiler and its runtime
never run. `runner.expressions.template` imports this module when it meets the first `{{ }}`, since Jinja takes 70 ms
to import.
"""

from typing import Any, Final, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from runner.errors import ExpressionSyntaxError
from runner.expressions.check import check
from runner.expressions.lexer import Tokens, tokenize
from runner.expressions.reference import Reference

_ENVIRONMENT: Final = Environment(autoescape=False)  # noqa: S701  renders nothing: it is what Jinja's parser asks for

_NO_ARGUMENT: Final = ("name:if", "name:else", "name:and", "name:or", "name:is", "name:in", "name:not")
_STARTS_ARGUMENT: Final = frozenset({"name", "string", "integer", "float", "lparen", "lbracket", "lbrace"})


class Parsed(NamedTuple):
    """
    A tree whose nodes keep their offset as `lineno`, the references by their source, each place of one, and the end.
    """

    tree: nodes.Expr
    references: dict[str, Reference]
    places: list[tuple[Reference, int]]
    end: int


class _Parser(Parser):
    """
    Jinja's expression parser over our tokens; its test operator would read the `if` of `x is none if y` as an
    argument.
    """

    def parse_test(self, node: nodes.Expr) -> nodes.Expr:
        """`is [not] name`, with arguments in brackets or one bare argument."""
        place = next(self.stream).lineno
        negated = self.stream.skip_if("name:not")
        name = self.stream.expect("name").value
        args: list[nodes.Expr] = []
        kwargs: list[nodes.Keyword] = []
        spread: Any = (None, None)
        current = self.stream.current
        if current.type == "lparen":
            args, kwargs, *spread = self.parse_call_args()
        elif current.type in _STARTS_ARGUMENT and not current.test_any(*_NO_ARGUMENT):
            args = [self.parse_postfix(self.parse_primary())]
        test: nodes.Expr = nodes.Test(node, name, args, kwargs, *spread, lineno=place)
        return nodes.Not(test, lineno=place) if negated else test


def parse(text: str, start: int = 0, *, braces: bool) -> Parsed:
    """
    The expression that begins at `start`: up to its `}}` (`braces`), or to the end of the text.

    Raises `ExpressionSyntaxError` with the offset within `text`: wrong grammar, an unknown name, filter, function or
    argument.
    """
    tokens = tokenize(text, start, braces=braces)
    tree = _parse_tokens(tokens)
    check(tree, tokens.references)
    return Parsed(tree, tokens.references, tokens.places, tokens.end)


def _parse_tokens(tokens: Tokens) -> nodes.Expr:
    parser = _Parser(_ENVIRONMENT, "")
    parser.stream = TokenStream(tokens.tokens, None, None)
    try:
        tree = parser.parse_expression()
    except TemplateSyntaxError:
        raise _unexpected(parser.stream.current) from None
    except RecursionError:
        raise ExpressionSyntaxError("the expression is nested too deep", offset=tokens.tokens[0].lineno) from None
    if parser.stream.current.type != "eof":
        raise _unexpected(parser.stream.current)
    return tree


def _unexpected(token: Token) -> ExpressionSyntaxError:
    if token.type == "eof":
        return ExpressionSyntaxError("the expression ends where a value is expected", offset=token.lineno)
    if token.type == "string":
        message = "a text is not expected here"
    elif token.type == "assign":
        message = "`=` is not expected here; to compare write `==`"
    else:
        message = f"`{str(token.value)[:40]}` is not expected here"
    if token.type == "colon":
        message += "; for a choice write `x if condition else y`"
    return ExpressionSyntaxError(message, offset=token.lineno)
