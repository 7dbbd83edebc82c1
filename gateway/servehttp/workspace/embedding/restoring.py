"""A backup as the data folder of a gateway: unpacked beside its place and checked, it appears when all is well."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from servehttp.errors import BackupError, BundleError, DependencyError
from servehttp.plugins.bundles import checked_parts
from servehttp.plugins.installed import FOLDER as PLUGINS_FOLDER
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.tarball import Tarball, shown
from servehttp.plugins.virtual_environments import VirtualEnvironments
from servehttp.workspace.embedding.backups import CONTENTS, FORMAT, HEAD
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.store.data_folder import PRIVATE_FOLDER, make_private, only_gateway

LONGEST_HEAD = 64 * 1024
"""Bytes."""
NEW = ".restored-"
MODES = 0o755
"""Of a file's mode what counts: nobody else may write."""
READABLE = 0o600


@dataclass
class Restored:
    """What was restored.

    Attributes:
        files: how many files.
        incomplete: why plugins cannot start yet, by their folder's name: what they need could not be installed.
    """

    files: int
    incomplete: dict[str, str] = field(default_factory=dict)


async def restore(settings: Settings, file: Path) -> Restored:
    """Unpack a backup into a data folder that has no data yet, and install what its plugins need.

    Args:
        settings: whose data folder.
        file: the backup.

    Raises:
        BackupError: it is none, or damaged, or there is data, or no room.
        WorkspaceError: a gateway has the data folder.
    """
    try:
        files = _restore(settings, file)
    except BundleError as error:
        raise BackupError(f"{file} cannot be restored: {error}") from None
    except OSError as error:
        raise BackupError(f"{error.filename or file}: {error.strerror or error}") from error
    return Restored(files, await _prepare_plugins(settings))


def _restore(settings: Settings, file: Path) -> int:
    data_dir = settings.data_dir
    with file.open("rb") as opened:
        make_private(data_dir)
        with only_gateway(data_dir):
            _require_empty(data_dir)
            with tempfile.TemporaryDirectory(prefix=NEW, dir=data_dir) as folder:
                count = _unpack(Tarball(opened, shutil.disk_usage(data_dir).free), Path(folder), _room(data_dir))
                _check_database(settings, Path(folder) / DATABASE_FILE)
                os.sync()  # so that what appears is on the disk
                _move(Path(folder), data_dir)
                os.sync()
    return count


def _require_empty(data_dir: Path) -> None:
    if there := [name for name in CONTENTS if (data_dir / name).exists()]:
        raise BackupError(
            f"{data_dir} has data already ({', '.join(there)}): move it away, or name another with --data-dir"
        )


def _room(folder: Path) -> int | None:
    """How many files the disk has room for; None where it does not say."""
    return os.statvfs(folder).f_favail or None


def _unpack(archive: Tarball, target: Path, room: int | None) -> int:
    """Unpack what a backup may hold: plain files below the names that a data folder has; returns how many."""
    members = archive.members()
    _check_head(archive, next(members, None), target / HEAD)
    count = 0
    for member in members:
        count += 1
        if room is not None and count > room:
            raise BundleError("it has more files than the disk has room for")
        _make(archive, member, target)
    return count


def _check_head(archive: Tarball, member: tarfile.TarInfo | None, file: Path) -> None:
    if member is None or member.name != HEAD or not member.isreg() or member.size > LONGEST_HEAD:
        raise BundleError("it is no backup that `servehttp backup` has made")
    with file.open("xb") as made:
        archive.copy_content(made)
    try:
        format = json.loads(file.read_bytes())["format"]
    except (ValueError, LookupError, TypeError, RecursionError):
        format = None
    if format != FORMAT:
        raise BundleError(f"it is a backup of the format {format!r:.20}, and this servehttp knows {FORMAT}")
    file.unlink()


def _make(archive: Tarball, member: tarfile.TarInfo, target: Path) -> None:
    parts = checked_parts(member.name)
    if not member.isreg() or not parts or parts[0] not in CONTENTS or (len(parts) == 1) != (parts[0] == DATABASE_FILE):
        raise BundleError(f"{shown(member.name)} does not belong in a backup")
    path = target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as made:
            archive.copy_content(made)
    except FileExistsError:
        raise BundleError(f"{shown(member.name)} is in it twice") from None
    path.chmod(member.mode & MODES | READABLE)


def _check_database(settings: Settings, file: Path) -> None:
    if not file.exists():
        return
    if settings.workspace.database_url:
        raise BackupError("the backup has a database of its own, and the settings name a server's: set no database_url")
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise BundleError(f"its database is damaged: {found}")


def _move(folder: Path, data_dir: Path) -> None:
    """Have all of it appear, the database last: without that there is no workspace."""
    moved = []
    try:
        for name in reversed(CONTENTS):
            if (folder / name).exists():
                moved.append((folder / name).rename(data_dir / name))
                if name != DATABASE_FILE:
                    moved[-1].chmod(PRIVATE_FOLDER)
    except BaseException:
        for path in moved:
            path.rename(folder / path.name)
        raise


async def _prepare_plugins(settings: Settings) -> dict[str, str]:
    plugins = settings.plugins
    environments = VirtualEnvironments(settings.data_dir, plugins.install_dependencies, plugins.install_timeout)
    problems = {}
    for folder in InstalledPlugins.below(settings.data_dir).folders():
        try:
            await environments.prepare(folder)
        except (BundleError, DependencyError, OSError) as error:
            problems[folder.relative_to(settings.data_dir.absolute() / PLUGINS_FOLDER).parts[0]] = str(error)
    return problems
