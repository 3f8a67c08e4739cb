"""The executor that the tests of this folder use: one for each module, as the daemon has one for its life."""

from collections.abc import AsyncIterator

import pytest

from runner.executors.http import HttpExecutor, open_http
from runner.ports import ExecutorLimits


@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HttpExecutor]:
    """An executor with the default limits; files may be read below every test's `tmp_path`."""
    async with open_http(ExecutorLimits(file_roots=(str(tmp_path_factory.getbasetemp()),))) as executor:
        yield executor
