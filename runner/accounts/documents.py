"""
What may be shown of accounts as JSON documents, which is never a token's text.

    Token ──token_document()──► {name, scopes, created_at, …}

The command line and the API show the same. Times are ISO 8601 in UTC; null is never.
"""

from typing import Any

from runner.accounts.accounts import Token
from runner.clock import iso


def token_document(token: Token) -> dict[str, Any]:
    """A token."""
    return {
        "name": token.name,
        "scopes": token.scopes,
        "created_at": iso(token.created_at),
        "created_by": token.created_by,
        "expires_at": None if token.expires_at is None else iso(token.expires_at),
        "used_at": None if token.used_at is None else iso(token.used_at),
    }
