"""
The group of all commands: knows their names and what they are for, and imports one when it is called.

It also turns every error into one sentence on standard error and an exit status: 2 for wrong use, 1 for the rest.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

from runner.errors import DefinitionError, RunnerError, UsageError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class Commands(click.Group):
    """A group whose commands are `name → (module:attribute, what it is for)`."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's shape
        """The names, in the order in which a newcomer needs them."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's shape
        """The command itself, imported now."""
        if cmd_name not in self._places:
            return None
        module, attribute = self._places[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's shape
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self._places.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **more: Any) -> Any:  # type: ignore[override]  # click's overloads say whether it returns
        """Run a command and end the process with its exit status."""
        if not more.pop("standalone_mode", True):
            return super().main(args, prog_name, standalone_mode=False, **more)
        words = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(args, prog_name, standalone_mode=False, **more)
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_quietly()
        except (click.Abort, KeyboardInterrupt):
            _end("runner: interrupted", INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except DefinitionError as error:
            _end(str(error), 1)  # a line a problem, as editors link them
        except RunnerError as error:
            _end(f"runner: {error}", 2 if isinstance(error, UsageError) else 1)
        except Exception as error:
            if "--debug" in words:
                raise
            _end(f"runner: unexpected {type(error).__name__}: run it as `runner --debug …` to see where", 1)
        sys.exit(status if isinstance(status, int) else 0)


def _end(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)


def _leave_quietly() -> NoReturn:
    """Whoever read our output has gone, say `head`: nothing more is written, not even by the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
