"""
The workflows folder where no daemon answers: what one that starts now would load.

    files, over the last good catalog ──build()──► Catalog ──► the documents that a daemon would give

`runner.cli.workflows` calls it.
"""

from typing import Any

from runner.clock import SystemClock
from runner.daemon.on_disk import read_folder
from runner.settings import Settings
from runner.triggers.shown import with_next
from runner.web.catalog_documents import catalog_documents

__all__ = ["read_folder", "workflow_documents"]


def workflow_documents(settings: Settings) -> list[dict[str, Any]]:
    """What a daemon that starts now would load. Raises SettingsError where the folder cannot be read."""
    catalog = read_folder(settings)
    return with_next(catalog_documents(catalog), catalog, SystemClock().wall())
