"""
What a statement may return, the same for every database: columns with names of their own, and no more than the bounds.

Sessions check the columns before anything ran, where the database says them that early, and add rows as they come, so
that a result that is too large is noticed before it is in memory. More than the bounds is an error, never a silent cut.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import PermanentError
from runner.executors.sql.driver import Bounds
from runner.executors.sql.values import size_of

Row = Mapping[str, Any]


def check_columns(names: Sequence[str], where: str) -> list[str]:
    """The names. Raises PermanentError (`statement`) for two of one name; `where` names database and statement."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{where}: two columns are named {twice[0]}: give one of them another name with AS"
        raise PermanentError(message, kind="statement")
    return list(names)


class Rows:
    """Rows so far."""

    def __init__(self, bounds: Bounds, where: str) -> None:
        self.found: list[Row] = []
        self._size = 0
        self._bounds = bounds
        self._where = where

    def add(self, rows: Sequence[Row]) -> None:
        """Raises PermanentError (`limit`) where it is more than the bounds allow."""
        self.found += rows
        self._size += sum(map(size_of, rows))
        if len(self.found) > self._bounds.max_rows:
            self.refuse()
        if self._size > self._bounds.max_size:
            message = f"{self._where}: the rows are larger than {self._bounds.max_size} bytes (max_response_size)"
            raise PermanentError(message, kind="limit")

    def refuse(self) -> None:
        """Raises PermanentError (`limit`): there are more rows."""
        raise PermanentError(f"{self._where}: more than {self._bounds.max_rows} rows (max_rows)", kind="limit")
