"""The executor that the tests of this folder use: open for a test, with files of its own folder allowed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runner.executors.http import HttpExecutor, open_http
from runner.ports import ExecutorLimits


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpExecutor]:
    """An executor with the default limits; files may be read below `tmp_path`."""
    async with open_http(ExecutorLimits(file_roots=(str(tmp_path),))) as executor:
        yield executor
