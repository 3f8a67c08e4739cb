"""
The workflows folder as it is, over the last good catalog: what a daemon that starts now would load.

    files ──scan, read──► build(kept, …) ──► Catalog

The command line asks where no daemon answers, and so does `runner.daemon.doctor`.
"""

from runner.daemon.kept import kept_path, read_kept
from runner.definitions.catalog import Catalog, build
from runner.definitions.folder import read, scan
from runner.errors import Problem, SettingsError
from runner.executors import action_types
from runner.settings import Settings


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
