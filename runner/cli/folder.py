"""
The workflows folder where no daemon answers: what one that starts now would load.

    files, over the last good catalog ──build()──► Catalog ──► the documents that a daemon would give
    the vault ──► what is wrong with the secrets that they name
    the store, read only ──► what became of the last firings, what is paused

`runner.cli.workflows` calls it, where nobody answers.
"""

from typing import Any

from runner.cli.judging import judged
from runner.cli.offline import ReadOnlyRecords, ask_store
from runner.clock import SystemClock
from runner.daemon.on_disk import read_folder
from runner.executors import action_types
from runner.secrets.usage import uses_of
from runner.settings import Settings
from runner.triggers.shown import with_firings, with_next
from runner.web.catalog_documents import catalog_documents


def workflow_documents(settings: Settings) -> list[dict[str, Any]]:
    """What a daemon that starts now would load. Raises SettingsError where the folder cannot be read."""
    catalog, now = read_folder(settings), SystemClock().wall()
    doubts = judged(settings, uses_of(catalog, action_types()))

    async def shown(records: ReadOnlyRecords) -> list[dict[str, Any]]:
        return await with_firings(catalog_documents(catalog, doubts), catalog, records.firings, now)

    return ask_store(settings, shown) or with_next(catalog_documents(catalog, doubts), catalog, now)
