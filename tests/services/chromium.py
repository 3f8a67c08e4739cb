"""
Chromium for the tests of pages: the one of this machine, Debian's where there is none.

`RUNNER_TEST_CHROMIUM` names another. Called by `tests.services`, which has it installed before the tests begin, and by
the tests of pages, which start it.
"""

import os

from tests.services import processes

VARIABLE = "RUNNER_TEST_CHROMIUM"


def program() -> str:
    """The path of the program; installs it if need be. Raises ServiceError."""
    return os.environ.get(VARIABLE) or processes.program("chromium", places=["/usr/bin/chromium*"], package="chromium")
