"""
What answers look like: models for the OpenAPI document, held against every answer by the tests.

Handlers answer with the documents that the command line shows too; these say what is in them. Times are ISO 8601 in
UTC, durations seconds, values as the journal has them: masked.
"""

from typing import Any, Literal

import msgspec

from runner.accounts.credentials import Scope
from runner.errors import Problem

OnExpiry = Literal["warn", "refuse"]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of them are."""


class WrongField(Answer, frozen=True):
    """What is wrong at which path of the request."""

    path: str
    message: str


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457). Nothing that was sent is in it."""

    type: str
    title: str
    status: int
    detail: str
    reason: str | None = None
    errors: list[WrongField] = []
    problems: list[Problem] = []


class Health(Answer, frozen=True):
    """Whether work can be taken, and why not."""

    status: Literal["ready", "unready"]
    version: str
    reasons: list[str]


class PausedSince(Answer, frozen=True):
    """Since when and by whom."""

    at: str
    by: str


class Pause(Answer, frozen=True):
    """Whether a workflow's triggers are paused."""

    name: str
    paused: PausedSince | None


class WorkflowItem(Answer, frozen=True):
    """A workflow that can be run, or a file that is broken."""

    name: str
    state: Literal["ok", "broken"]
    file: str
    problems: list[Problem]
    paused: PausedSince | None
    keeps: str | None = None
    revision: str | None = None
    description: str | None = None
    labels: dict[str, str] = {}
    triggers: list[dict[str, Any]] = []
    inputs: dict[str, dict[str, Any]] = {}
    actions: list[dict[str, str]] = []


class WorkflowList(Answer, frozen=True):
    """A page of workflows by name."""

    items: list[WorkflowItem]
    next: str | None


class Validation(Answer, frozen=True):
    """Everything that is wrong with a workflow file."""

    valid: bool
    problems: list[Problem]


class SecretItem(Answer, frozen=True):
    """What may be shown of a secret. Null is no limit."""

    name: str
    version: int
    versions: list[int]
    created_at: str
    updated_at: str
    allowed_hosts: list[str] | None
    allowed_workflows: list[str] | None
    expires_at: str | None
    on_expiry: OnExpiry
    rotate_every: float | None
    due: str | None


class SecretList(Answer, frozen=True):
    """A page of secrets by name."""

    items: list[SecretItem]
    next: str | None


class VersionItem(Answer, frozen=True):
    """A kept version of a secret. `not_given_for`: what keeps it from being made current again."""

    name: str
    version: int
    current: bool
    created_at: str
    created_by: str
    not_given_for: list[str]


class VersionList(Answer, frozen=True):
    """The kept versions, newest first."""

    items: list[VersionItem]


class UsageItem(Answer, frozen=True):
    """
    Who uses a secret, when it was resolved last, and when it was sent to which origin. `source` is `vault` or a further
    source; `unlisted`: a source that cannot list may have it.
    """

    name: str
    state: Literal["used", "unused", "missing", "unlisted"]
    source: str | None
    uses: list[dict[str, Any]]
    last_resolved: str | None
    hosts: dict[str, str]


class UsageList(Answer, frozen=True):
    """Every secret that is there or is named, by name."""

    items: list[UsageItem]
    next: str | None


class Deleted(Answer, frozen=True):
    """A secret that is gone; `erased`: its bytes are out of the file too."""

    name: str
    deleted: bool
    erased: bool


class AuditItem(Answer, frozen=True):
    """A row of the audit log."""

    sequence: int
    at: str
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class AuditList(Answer, frozen=True):
    """A page of the audit log, newest first."""

    items: list[AuditItem]
    next: str | None


class FindingItem(Answer, frozen=True):
    """What is wrong from which row on."""

    sequence: int
    message: str


class Verification(Answer, frozen=True):
    """Whether the audit log is whole, and where it ends."""

    whole: bool
    rows: int
    head: str
    findings: list[FindingItem]


class TokenItem(Answer, frozen=True):
    """A token, never its text."""

    name: str
    scopes: list[Scope]
    created_at: str
    created_by: str
    expires_at: str | None
    used_at: str | None


class TokenList(Answer, frozen=True):
    """All tokens by name."""

    items: list[TokenItem]


class NewToken(Answer, frozen=True):
    """A token, with its text this once."""

    name: str
    token: str
    scopes: list[Scope]
    expires_at: str | None


class Revoked(Answer, frozen=True):
    """A token that opens nothing any more."""

    name: str
    revoked: bool
