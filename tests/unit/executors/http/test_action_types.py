"""Which action types there are, and what a broken package says."""

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from runner.errors import SettingsError
from runner.executors import GROUP, action_types
from runner.executors.http import ACTION_TYPE, HttpConfig, open_http
from runner.ports import ActionType


def entry(name: str, target: object, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    module = types.ModuleType("plugin_under_test")
    module.thing = target  # type: ignore[attr-defined]  # made up here
    monkeypatch.setitem(sys.modules, "plugin_under_test", module)
    return EntryPoint(name, "plugin_under_test:thing", GROUP)


def kind(name: str) -> ActionType:
    return ActionType(name=name, config=HttpConfig, check=ACTION_TYPE.check, open=open_http)


def test_built_in_types_are_there() -> None:
    """http and sql, each under its own name."""
    found = action_types([])
    assert {name: kind.name for name, kind in found.items()} == {"http": "http", "sql": "sql"}
    assert found["http"] is ACTION_TYPE


def test_an_installed_package_brings_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the built-in ones."""
    assert set(action_types([entry("ftp", kind("ftp"), monkeypatch)])) == {"http", "sql", "ftp"}


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("ftp", kind("smtp"), "is no runner.ports.ActionType of that name"),
        ("ftp", "text", "is no runner.ports.ActionType"),
        ("http", kind("http"), "brings the action type 'http', which is there already"),
        ("group", kind("group"), "brings the action type 'group', which is there already"),
    ],
)
def test_a_broken_one_is_named(monkeypatch: pytest.MonkeyPatch, name: Any, target: Any, message: str) -> None:
    """What it is called, which distribution it comes from, and what is wrong."""
    with pytest.raises(SettingsError, match=f"^the entry point '{name}' .*{message}"):
        action_types([entry(name, target, monkeypatch)])


def test_one_that_cannot_be_imported_is_named() -> None:
    """With the error of the import."""
    with pytest.raises(SettingsError, match=r"the entry point 'x' .* cannot be imported \(ModuleNotFoundError"):
        action_types([EntryPoint("x", "no_such_module:thing", GROUP)])
