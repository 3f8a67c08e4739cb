"""Where a secret was not let go is written to the audit log, and that place may be a secret itself."""

from tests.acceptance.conftest import Installation

HOST, BOUND = "canary0123456789abcdef", "canary-bound-to-one-host"
WORKFLOW = """
actions:
  - {id: a, type: http, on_error: continue, config: {url: "http://$secret.HOST.test/", headers: {X-Key: $secret.BOUND}}}
"""


def test_a_host_that_is_a_secret_is_masked_in_the_audit_log(installation: Installation) -> None:
    """The refusal is there, by name and workflow; the host is a mask."""
    installation.set_secret("HOST", HOST)
    bound = ("secrets", "set", "BOUND", "-", "--allowed-host", "api.example.test")
    installation.run(*bound, stdin=BOUND.encode(), check=True)
    installation.write("kept.yaml", WORKFLOW)
    with installation.daemon():
        installation.run("run", "kept", check=True)

    audit = installation.run("secrets", "audit", "--json", check=True).stdout

    assert b'"refused"' in audit
    assert b"[secret HOST]" in audit
    assert installation.leaks(HOST) + installation.leaks(BOUND) == []
