"""
Bring up what the tests need, for the length of a command.

    python -m tests.services -- pytest -q      run it beside the databases; its exit status is ours
    python -m tests.services                   print `export …` lines and keep them up until Ctrl-C

A server that answers is used as it is; otherwise a private one is started and stopped at the end. RUNNER_TEST_PRIVATE=1
starts private ones whatever runs. A server that RUNNER_TEST_POSTGRES or RUNNER_TEST_MYSQL names and that does not answer is
an error. Chromium is no server: it is installed if need be, and the tests start it. Called by `make test`, `make services`
and `make bench`.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import ModuleType
from typing import NoReturn

from tests.services import chromium, mariadb, postgres, processes

_SERVICES = (postgres, mariadb)


def bring_up(service: ModuleType) -> AbstractContextManager[str]:
    """The address of one that runs already, or of a private one. Raises ServiceError."""
    named = os.environ.get(service.VARIABLE)
    if os.environ.get("RUNNER_TEST_PRIVATE") == "1":
        return _started(service)
    if service.answers(service.address()):
        processes.say(f"{_name(service)}: the one that runs")
        return nullcontext(service.address())
    if named:
        raise processes.ServiceError(
            f"{service.VARIABLE} names a server that does not answer: start it or unset the variable"
        )
    return _started(service)


@contextmanager
def _started(service: ModuleType) -> Iterator[str]:
    processes.say(f"{_name(service)}: starting a private one")
    with service.private() as url:
        yield url


def _name(service: ModuleType) -> str:
    return service.__name__.rpartition(".")[2]


def _run_beside(command: Sequence[str]) -> int:
    """Run the command to its end; where we are told to end, it is told too."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except (SystemExit, KeyboardInterrupt):
            process.terminate()
            process.wait()
            raise


def _keep_up(variables: dict[str, str]) -> NoReturn:
    for name, value in variables.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()
    processes.say("up until Ctrl-C")
    while True:
        signal.pause()


def _end(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """The exit status: the command's own, or 1 where a service could not be had."""
    signal.signal(signal.SIGTERM, _end)
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    with ExitStack() as stack:
        try:
            variables = {service.VARIABLE: stack.enter_context(bring_up(service)) for service in _SERVICES}
            variables[chromium.VARIABLE] = chromium.program()
        except processes.ServiceError as error:
            processes.say(str(error))
            return 1
        os.environ.update(variables)
        if command:
            return _run_beside(command)
        _keep_up(variables)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
