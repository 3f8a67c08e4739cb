"""`runner secrets import`: an .env file becomes secrets, whole or not at all, and no value is shown."""

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation

ENV = """\
# a comment
API_KEY=canary-import-one-1
export QUOTED='canary import "two" 2' # another
MULTI="canary-import-three
second line"
PLAIN=canary-$API_KEY-${QUOTED}
"""


def env(installation: Installation, text: str = ENV) -> Path:
    """The file, for its owner alone."""
    path = installation.folder / ".env"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def test_what_the_file_says_is_set_and_nothing_is_shown(installation: Installation) -> None:
    """Quotes, lines and `export` as dotenv has them, `$` as text; a dry run says the same and sets nothing."""
    path = env(installation)
    tried = installation.run("secrets", "import", path, "--dry-run", check=True)
    assert tried.stdout.decode().splitlines()[0] == "API_KEY would be set"
    assert installation.run("secrets", "list", "--json", check=True).stdout == b""

    done = installation.run("secrets", "import", path, "--json", check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"name": name, "state": "new", "set": True} for name in ("API_KEY", "QUOTED", "MULTI", "PLAIN")
    ]
    installation.write(
        "flow.yaml",
        "actions: [{id: a, type: set, config: {m: '{{ ($secret.MULTI | length) + 0 }}', "
        "p: \"{{ $secret.PLAIN == 'canary-' ~ '$' ~ 'API_KEY-' ~ '$' ~ '{QUOTED}' }}\", "
        'q: "{{ $secret.QUOTED == \'canary import \\"two\\" 2\' }}"}}]\noutput: $action.a\n',
    )
    result = json.loads(installation.run("run", "flow", "--json", check=True).stdout)
    assert result["output"] == {"m": 31, "p": True, "q": True}
    assert installation.leaks("canary-import-one-1") == []
    assert b"canary-import-three" not in installation.said


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(installation: Installation) -> None:
    """Each is said; the same value makes no new version; names may be chosen and lengthened."""
    path = env(installation)
    installation.set_secret("API_KEY", "canary-import-other")
    installation.set_secret("MULTI", "canary-import-three\nsecond line")
    done = installation.run("secrets", "import", path, "--only", "API_KEY", "--only", "MULTI", check=True)
    assert done.stdout.decode().splitlines() == [
        "API_KEY is kept: it is there with another value (--replace)",
        "MULTI is there already",
    ]

    installation.run("secrets", "import", path, "--only", "API_KEY", "--replace", check=True)
    installation.run("secrets", "import", "-", "--prefix", "NEW_", stdin=b"A=canary-import-a\n", check=True)
    listed = installation.run("secrets", "list", "--json", check=True).stdout.splitlines()
    versions = {each["name"]: each["version"] for each in map(json.loads, listed)}
    assert versions == {"API_KEY": 2, "MULTI": 1, "NEW_A": 1}


@pytest.mark.parametrize(
    ("text", "told", "status"),
    [
        ("A=canary-import-a\nno value here canary\n", "line 2: expected NAME=value; nothing was set", 2),
        ("A=canary-import-a\nB\n", "line 2: expected NAME=value; nothing was set", 2),
        ("A=canary-import-a\nB=short\n", "B: the value has under 8 characters", 1),
        ("A=canary-import-a\nB=\n", "B: expected a value, found an empty one", 1),
        ("A=canary-import-a\n1B=canary-import-b\n", "'1B': A secret's name is letters", 1),
    ],
)
def test_one_wrong_line_and_nothing_is_set(installation: Installation, text: str, told: str, status: int) -> None:
    """The error names the line or the name, never a value."""
    done = installation.run("secrets", "import", env(installation, text))

    assert done.returncode == status
    assert told in done.stderr.decode()
    assert "canary" not in done.stderr.decode()
    assert installation.run("secrets", "list", "--json", check=True).stdout == b""


def test_a_file_that_others_can_read_is_said(installation: Installation) -> None:
    """With the command that cures it."""
    path = env(installation)
    path.chmod(0o644)

    assert f"chmod 600 {path}" in installation.run("secrets", "import", path, check=True).stderr.decode()
