"""
The workflows folder where no daemon answers: what one that starts now would load.

    files, over the last good catalog ──build()──► Catalog ──► the documents that a daemon would give
    the store, read only ──► what became of the last firings, what is paused

`runner.cli.workflows` calls it.
"""

from typing import Any

from runner.cli.offline import ReadOnlyRecords, ask_store
from runner.clock import SystemClock
from runner.daemon.on_disk import read_folder
from runner.settings import Settings
from runner.triggers.shown import with_firings, with_next
from runner.web.catalog_documents import catalog_documents

__all__ = ["read_folder", "workflow_documents"]


def workflow_documents(settings: Settings) -> list[dict[str, Any]]:
    """What a daemon that starts now would load. Raises SettingsError where the folder cannot be read."""
    catalog, now = read_folder(settings), SystemClock().wall()

    async def shown(records: ReadOnlyRecords) -> list[dict[str, Any]]:
        return await with_firings(catalog_documents(catalog), catalog, records.firings, now)

    return ask_store(settings, shown) or with_next(catalog_documents(catalog), catalog, now)
