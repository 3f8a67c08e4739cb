"""What several commands have in common."""

import getpass
import os

import pytest

from runner.cli.options import who


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number; a name of the environment counts where there is one."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()

    assert who() == "uid 3999999999"
    monkeypatch.setenv("LOGNAME", "ann")
    assert who() == "ann"
