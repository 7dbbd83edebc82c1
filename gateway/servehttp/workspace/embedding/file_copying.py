"""Uploaded files from one place to another, for who changes `workspace.files`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from servehttp.errors import BackupError
from servehttp.workspace.settings import Settings, WorkspaceSettings
from servehttp.workspace.store.blob_copies import Copied, copy_blobs
from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.files_place import open_blobs
from servehttp.workspace.store.outages import StoreUnavailable


async def copy_files(settings: Settings, source: str, target: str) -> Copied:
    """Copy all files from one place to another; what is there already stays as it is.

    Args:
        settings: which say how buckets are reached.
        source: file:/PATH or s3://BUCKET/PREFIX, as in `workspace.files`.
        target: another one.

    Raises:
        BackupError: a place is none, or cannot serve, or lacks what it needs; what was copied stays.
    """
    _check_folder(source)
    try:
        return await copy_blobs(_opened(settings, source), _opened(settings, target))
    except (ImportError, OSError, StoreUnavailable) as error:
        raise BackupError(f"files cannot be copied from {source} to {target}: {error}") from error


def _check_folder(source: str) -> None:
    url = urlsplit(source)
    if url.scheme == "file" and not Path(unquote(url.path)).is_dir():
        raise BackupError(f"there is no folder {unquote(url.path)} to copy files from")


def _opened(settings: Settings, place: str) -> Blobs:
    try:
        workspace = WorkspaceSettings(**{**settings.workspace.model_dump(), "files": place})
    except ValidationError:
        place = ""
    if not place:
        raise BackupError("files are copied between two places of the forms file:/PATH and s3://BUCKET/PREFIX")
    return open_blobs(workspace, settings.data_dir)
