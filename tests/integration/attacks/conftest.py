"""The executors, open for a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runner.executors.http import HttpExecutor, open_http
from runner.executors.sql.executor import SqlExecutor, open_sql
from runner.ports import ExecutorLimits


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[HttpExecutor]:
    """Files below the test's folder may be named."""
    async with open_http(ExecutorLimits(file_roots=(str(tmp_path),))) as opened:
        yield opened


@pytest.fixture
async def sql(tmp_path: Path) -> AsyncIterator[SqlExecutor]:
    """The same for databases."""
    async with open_sql(ExecutorLimits(file_roots=(str(tmp_path),))) as opened:
        yield opened
