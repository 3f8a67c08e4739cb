"""
The workflows folder where no daemon answers: what one that starts now would load.

    files, over the last good catalog ──build()──► Catalog ──► the documents that a daemon would give

`runner.cli.workflows` calls it.
"""

from typing import Any

from runner.daemon.kept import kept_path, read_kept
from runner.definitions.catalog import Catalog, build
from runner.definitions.folder import read, scan
from runner.errors import Problem, SettingsError
from runner.executors import action_types
from runner.settings import Settings
from runner.web.catalog_documents import catalog_documents


def workflow_documents(settings: Settings) -> list[dict[str, Any]]:
    """What a daemon that starts now would load. Raises SettingsError where the folder cannot be read."""
    return catalog_documents(read_folder(settings))


def read_folder(settings: Settings) -> Catalog:
    """The catalog of the folder as it is, over what the last daemon kept. Raises SettingsError, StoreFormatError."""
    folder = settings.server.workflows
    files: dict[str, bytes | Problem] = {}
    try:
        for name, signature in scan(folder).items():
            content = read(folder, name, signature)
            if content is not None:
                files[name] = content
    except OSError as error:
        raise SettingsError(f"server.workflows: {folder} cannot be read: {error.strerror}") from None
    return build(read_kept(kept_path(settings)), files, action_types())
