"""Where the settings have files kept: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.store.blobs import Blobs
from servehttp.workspace.store.folder_blobs import FolderBlobs


def open_blobs(settings: WorkspaceSettings, default: Path) -> Blobs:
    """The place of a workspace's files.

    Args:
        settings: of the workspace.
        default: the folder where they are unless the settings name a place.

    Raises:
        ImportError: what a bucket needs is not installed.
    """
    url = urlsplit(settings.files)
    if url.scheme != "s3":
        return FolderBlobs(Path(unquote(url.path)) if settings.files else default)
    try:
        from servehttp.workspace.store.bucket_blobs import BucketBlobs, open_bucket
    except ModuleNotFoundError as error:
        raise ImportError(f"workspace.files is {settings.files}, which needs servehttp[s3]: {error}") from error
    return BucketBlobs(open_bucket(settings, url.netloc, url.path.strip("/")))
