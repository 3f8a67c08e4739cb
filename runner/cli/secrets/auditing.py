"""
`runner secrets audit`: what was done to the vault, and whether the log of it is whole.

    audit             the rows, the newest last
    audit --new-key   another verification key, shown this once
    audit --verify    digests against the vault's manifest; with --key-file the MACs, with --head a noted row
"""

from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec

from runner.cli.elsewhere import elsewhere, elsewhere_options
from runner.cli.options import config_option, json_option, load_settings, who
from runner.cli.output import compact, json_lines, table, when
from runner.cli.secrets.opening import with_vault
from runner.client.api import Api
from runner.errors import UsageError
from runner.secrets.audit import AuditAction, Mark, VerificationKey, read_mark, read_verification_key
from runner.secrets.audit_check import AuditReport, Finding
from runner.secrets.documents import audit_document
from runner.secrets.files import read_regular
from runner.secrets.vault import Vault
from runner.settings import Settings

_MOST: Final = 4096
_BROKEN: Final = 1


@click.command("audit", short_help="Show what was done to the vault, and check that the log is whole.")
@click.option("--verify", is_flag=True, help="Check the log instead of listing it; exit status 1 where it was changed.")
@click.option("--head", metavar="SEQ:MAC", help="With --verify: a head that was noted earlier has to be in the log.")
@click.option("--key-file", type=click.Path(path_type=Path), metavar="F", help="With --verify: the verification key.")
@click.option("--new-key", is_flag=True, help="Begin another verification key, and show it this once.")
@click.option("--secret", "subject", metavar="NAME", help="Only what was done to this secret.")
@click.option(
    "--action", type=click.Choice(get_args(AuditAction)), metavar="A", help="Only this, say delete or rotate."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the newest.")
@elsewhere_options
@config_option
@json_option
def audit(
    *,
    verify: bool,
    head: str | None,
    key_file: Path | None,
    new_key: bool,
    subject: str | None,
    action: str | None,
    limit: int,
    config: Path | None,
    as_json: bool,
) -> int:
    """
    Show what was done to the vault: who, when, what, never a value.

    With --verify the log is checked: every row against the next, the last one against the vault's manifest. The key
    that `runner init` showed also finds what somebody who has the master key changed; keep it somewhere else. Where it
    was lost, --new-key begins another one for all rows from then on.
    """
    if new_key and (verify or subject or action):
        raise UsageError("--new-key: expected no --verify, --secret or --action beside it")
    if (head or key_file) and not verify:
        raise UsageError("--head and --key-file: expected --verify beside them")
    api = elsewhere()
    if api is not None:
        if new_key or key_file:
            raise UsageError("--new-key and --key-file work beside the vault alone: expected no --url")
        return _afar(api, subject, action, limit, is_verifying=verify, head=head, as_json=as_json)
    settings = load_settings(config).settings
    if new_key:
        return _show_new(settings, as_json=as_json)
    if verify:
        mark = read_mark(head) if head else None
        key = _key(key_file) if key_file else None
        return _told(_verified(settings, key, mark), has_key=key is not None, as_json=as_json)
    rows = [
        row
        for row in with_vault(settings, lambda vault: vault.audit_log())
        if (subject is None or row.subject == subject) and (action is None or row.action == action)
    ]
    _list([{**audit_document(row), "mac": row.mac.hex()} for row in rows[-limit:]], as_json=as_json)
    return 0


def _afar(
    api: Api,
    subject: str | None,
    action: str | None,
    limit: int,
    *,
    is_verifying: bool,
    head: str | None,
    as_json: bool,
) -> int:
    """The same of a daemon elsewhere, whose API gives no MACs."""
    if not is_verifying:
        wanted = {"subject": subject, "action": action}
        lines = api.items("/audit", {key: value for key, value in wanted.items() if value}, limit)
        _list([msgspec.json.decode(line) for line in lines][::-1], as_json=as_json)
        return 0
    report = api.document("GET", "/audit/verify", query={"head": head} if head else None)
    findings = tuple(Finding(each["sequence"], each["message"]) for each in report["findings"])
    told = AuditReport(rows=report["rows"], macs=0, head=read_mark(report["head"]), findings=findings, until=None)
    return _told(told, has_key=False, as_json=as_json)


def _verified(settings: Settings, key: VerificationKey | None, mark: Mark | None) -> AuditReport:
    async def work(vault: Vault) -> AuditReport:
        return await vault.check_audit(key=key, mark=mark)

    return with_vault(settings, work)


def _show_new(settings: Settings, *, as_json: bool) -> int:
    async def work(vault: Vault) -> VerificationKey:
        return await vault.new_audit_key(by=who())

    key = with_vault(settings, work)
    if as_json:
        json_lines([{"key": key.text(), "first": key.first}])
    else:
        click.echo(
            f"The key that verifies the audit log from row {key.first} on, shown this once; keep it on another machine:"
            f"\n  {key.text()}"
        )
    return 0


def _told(report: AuditReport, *, has_key: bool, as_json: bool) -> int:
    if as_json:
        findings = [finding._asdict() for finding in report.findings]
        json_lines(
            [
                {
                    "rows": report.rows,
                    "macs": report.macs,
                    "head": str(report.head),
                    "findings": findings,
                    "until": report.until,
                }
            ]
        )
    else:
        for finding in report.findings:
            click.echo(f"audit log: {finding.message}")
        if not report.findings:
            checked = f", {report.macs} MACs" if has_key else "; without the verification key no MAC was checked"
            click.echo(f"the audit log is whole: {report.rows} rows{checked}")
        if report.until is not None:
            click.echo(f"the rows from {report.until + 1} on are under a later verification key")
        click.echo(f"head {report.head}")
    return _BROKEN if report.findings else 0


def _list(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        json_lines(rows)
        return
    cells = [
        (str(row["sequence"]), when(row["at"]), row["actor"], row["action"], row["subject"], _plain(row["details"]))
        for row in rows
    ]
    for line in table(cells, ("ROW", "TIME", "WHO", "DID", "TO", "DETAILS")):
        click.echo(line)


def _plain(details: dict[str, Any]) -> str:
    return " ".join(f"{name}={compact(value, 80)}" for name, value in details.items())


def _key(path: Path) -> VerificationKey:
    try:
        return read_verification_key(read_regular(path, _MOST).decode("ascii"))
    except OSError as error:
        raise UsageError(f"--key-file: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"--key-file: {path} holds no verification key") from None
