"""Backups of a data folder, also while a gateway serves it: one .tar.gz with the database, the files and the plugins.

The database is copied first, at one moment, and then what it names, so that what it names is there; but for a file that
is deleted while the backup is made. What can be made again is left out: environments, which `restore` installs anew,
uploads that are under way, which begin anew, and the file with the administrator's token. Files that the settings have
elsewhere are to be saved there.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servehttp.build import version
from servehttp.errors import BackupError, BundleError
from servehttp.plugins.bundles import checked_parts
from servehttp.plugins.installed import FOLDER as PLUGINS_FOLDER
from servehttp.plugins.installed import InstalledPlugins
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.store.folder_blobs import PARTIAL
from servehttp.workspace.store.tables.files import upload_sessions
from servehttp.workspace.workspace import FILES_FOLDER

HEAD = "servehttp-backup.json"
"""The first member, which says what this is."""
FORMAT = 1
CONTENTS = (DATABASE_FILE, FILES_FOLDER, PLUGINS_FOLDER)
"""What else is in it, by its name in the data folder."""
COMPRESSION = 6
PRIVATE_FILE = 0o600
POSTGRESQL = (
    "the database is a server's, which a backup of the data folder cannot hold: save it with "
    "`pg_dump --format=custom` at the same time, and the files and plugins with --without-database"
)


@dataclass(frozen=True)
class Backup:
    """One that was made.

    Attributes:
        file: where it is.
        files: how many files are in it, the database among them.
        size: of the archive, in bytes.
        elsewhere: where the uploaded files are that it does not hold; empty where it holds them.
    """

    file: Path
    files: int
    size: int
    elsewhere: str


def back_up(settings: Settings, file: Path, *, database: bool = True, replace: bool = False) -> Backup:
    """Make a backup. It appears under its name when it is whole, readable for our user alone.

    Args:
        settings: whose data folder.
        file: what is made.
        database: whether the database is in it.
        replace: whether a file that is there is replaced.

    Raises:
        BackupError: there is nothing to back up, or it cannot be read, or the file cannot be written.
    """
    try:
        _check(settings, file, database, replace)
        with _appearing(file) as (partial, folder):
            count = _write(settings, partial, folder / DATABASE_FILE if database else None)
    except BundleError as error:
        raise BackupError(f"{settings.data_dir} cannot be backed up: {error}") from None
    except OSError as error:
        raise BackupError(f"{error.filename or file}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise BackupError(f"{settings.data_dir / DATABASE_FILE} cannot be copied: {error}") from error
    return Backup(file, count, file.stat().st_size, settings.workspace.files)


def _check(settings: Settings, file: Path, database: bool, replace: bool) -> None:
    if settings.workspace.database_url and database:
        raise BackupError(POSTGRESQL)
    here = settings.data_dir if not database else settings.data_dir / DATABASE_FILE
    if not here.exists():
        raise BackupError(
            f"there is no workspace in {settings.data_dir}: name the gateway's data folder with --data-dir"
        )
    if not file.absolute().parent.is_dir():
        raise BackupError(f"there is no folder {file.absolute().parent} to put it into")
    if file.exists() and not replace:
        raise BackupError(f"{file} is there already: choose another name, or replace it with --force")


@contextlib.contextmanager
def _appearing(file: Path) -> Iterator[tuple[Path, Path]]:
    """A file to write, which takes its name at the end, and a folder beside it that is gone by then."""
    with tempfile.TemporaryDirectory(prefix=f".{file.name}-", dir=file.absolute().parent) as folder:
        partial = Path(folder) / "partial"
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
        yield partial, Path(folder)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    _sync(file.absolute().parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(settings: Settings, partial: Path, database: Path | None) -> int:
    data_dir = settings.data_dir.absolute()
    uploaded = [] if settings.workspace.files else [data_dir / FILES_FOLDER]
    with tarfile.open(partial, "w:gz", compresslevel=COMPRESSION) as archive:
        _add_head(archive)
        if database is not None:
            _copy_database(data_dir / DATABASE_FILE, database)
            archive.add(database, DATABASE_FILE, filter=_private)
        plugins = _plugins(data_dir)
        names = [name for top in (*uploaded, *plugins) for name in _files_below(top)]
        count = sum(_add(archive, name, name.relative_to(data_dir)) for name in names)
    if _plugins(data_dir) != plugins:
        raise BackupError("plugins were installed or removed while the backup was made: make it again")
    return count + (database is not None)


def _add_head(archive: tarfile.TarFile) -> None:
    head = {"format": FORMAT, "servehttp": version(), "time": int(time.time() * 1000)}
    data = json.dumps(head).encode()
    member = tarfile.TarInfo(HEAD)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _copy_database(source: Path, copy: Path) -> None:
    """Copy the database as it is at one moment; who writes to it meanwhile does not wait."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as original,
        contextlib.closing(sqlite3.connect(copy)) as copied,
    ):
        original.backup(copied)
        copied.execute(f"DELETE FROM {upload_sessions.name}")
        copied.commit()


def _plugins(data_dir: Path) -> list[Path]:
    return InstalledPlugins.below(data_dir.absolute()).folders()


def _files_below(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(PARTIAL))


def _add(archive: tarfile.TarFile, file: Path, name: Path) -> bool:
    """Add a plain file as it is when it is opened; returns whether it was there, and one."""
    checked_parts(str(name))  # what could not be restored
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        if file.is_symlink():
            return False
        raise
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        member = archive.gettarinfo(arcname=str(name), fileobj=opened)
        member.type = tarfile.REGTYPE  # also where it has two names
        member.size = os.fstat(descriptor).st_size
        archive.addfile(_private(member), opened)
    return True


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without whose it is: that is decided where it is restored."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
