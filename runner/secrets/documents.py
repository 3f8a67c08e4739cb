"""
What may be shown of secrets as JSON documents, which is never a value.

    SecretInfo ──secret_document()──► {name, version, …, allowed_hosts, …, due}      VersionInfo ──version_document()──►
    AuditRow   ──audit_document()───► {sequence, at, actor, action, subject, details}

The command line and the API show the same. Times are ISO 8601 in UTC, durations seconds; null is no limit.
"""

from typing import Any

import msgspec

from runner.clock import iso
from runner.secrets.content import SecretInfo, VersionInfo
from runner.secrets.policy import Policy
from runner.secrets.reminders import due
from runner.secrets.rows import AuditRow


def secret_document(info: SecretInfo, now: float) -> dict[str, Any]:
    """One secret, with what is due at `now`."""
    found = due(info, now)
    return {
        "name": info.name,
        "version": info.version,
        "versions": info.versions,
        "created_at": iso(info.created_at),
        "updated_at": iso(info.updated_at),
        **policy_document(info.policy),
        "due": None if found is None else str(found),
    }


def policy_document(policy: Policy) -> dict[str, Any]:
    """A policy."""
    return {
        "allowed_hosts": policy.allowed_hosts,
        "allowed_workflows": policy.allowed_workflows,
        "expires_at": None if policy.expires_at is None else iso(policy.expires_at),
        "on_expiry": policy.on_expiry,
        "rotate_every": policy.rotate_every,
    }


def version_document(name: str, version: VersionInfo) -> dict[str, Any]:
    """One kept version of a secret."""
    return {
        "name": name,
        "version": version.version,
        "current": version.is_current,
        "created_at": iso(version.created_at),
        "created_by": version.created_by,
        "not_given_for": version.given_for_less,
    }


def audit_document(row: AuditRow) -> dict[str, Any]:
    """A row of the audit log; details that are no JSON, as somebody may have left them there, stand as they are."""
    try:
        details: dict[str, Any] = msgspec.json.decode(row.details, type=dict[str, Any])
    except msgspec.MsgspecError:
        details = {"unreadable": row.details}
    return {
        "sequence": row.sequence,
        "at": iso(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "details": details,
    }
