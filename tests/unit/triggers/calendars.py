"""Schedules as they stand in files, and times as people write them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from runner.definitions.load import load_text
from runner.executors import action_types
from runner.triggers.schedule import Schedule


def schedule(name: str = "job", **config: Any) -> Schedule:
    """The schedule of a workflow with one trigger."""
    lines = "\n".join(f"      {key}: {value!r}" for key, value in config.items())
    text = f"name: {name}\ntriggers:\n  - type: schedule\n    config:\n{lines}\nactions:\n  - {{id: a, type: set, config: 1}}\n"
    (found,) = Schedule.all_of(load_text(text, f"{name}.yaml", action_types()).workflow)
    return found


def at(text: str, zone: str = "UTC") -> float:
    """Wall seconds of a local time; the first of two that an hour put back has."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def local(time: float, zone: str = "UTC") -> str:
    """The local time, with the offset that tells the two apart."""
    return datetime.fromtimestamp(time, ZoneInfo(zone)).isoformat(sep=" ", timespec="minutes")
