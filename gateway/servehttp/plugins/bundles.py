"""Unpacking a plugin's bundle, a .tar.gz that nobody vouches for.

Only folders and plain files are made, only below the target, and no more bytes and files than allowed. Their names are
good on every system: short enough, not twice, and not twice but for case. What a Mac adds of its own is passed over.
"""

from __future__ import annotations

import errno
import io
import os
import tarfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from servehttp.errors import BundleError
from servehttp.plugins.manifest import FILE_NAMES
from servehttp.plugins.tarball import Tarball, shown

EXECUTABLE = 0o100
LONGEST_PART = 255
"""Bytes of the name of one file or folder, as file systems have it."""
LONGEST_PATH = 1024
"""Bytes of a path in the bundle."""
DEEPEST = 64
"""Folders within one another."""
MEMBERS_PER_FILE = 2
"""A Mac adds one of its own for each file."""

MAC_FOLDER = "__MACOSX"
MAC_FILE = ".DS_Store"
MAC_PREFIX = "._"

BAD_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What file systems say to names that they cannot have."""


@dataclass(frozen=True)
class BundleLimits:
    """What a bundle may hold."""

    unpacked_size: int
    """Bytes, the archive's own headers included."""
    files: int
    """Files and folders."""


def unpack(bundle: IO[bytes], target: Path, limits: BundleLimits) -> Path:
    """Unpack a bundle into an empty folder; returns the folder with the manifest, which is that or the only one in it.

    Raises:
        BundleError: it is no archive, holds what it must not, or more than it may, or has no manifest.
        OSError: the target cannot be written to.
    """
    archive = Tarball(bundle, limits.unpacked_size)
    names = _Names(limits.files)
    for number, member in enumerate(archive.members()):
        if number >= limits.files * MEMBERS_PER_FILE:
            raise BundleError(f"it has more than {limits.files * MEMBERS_PER_FILE} members")
        parts = checked_parts(member.name)
        if not _is_of_a_mac(parts):
            _unpack_member(archive, member, target, names, parts)
    return _find_plugin(target)


@dataclass
class _Folder:
    """What is in a folder, by names without case; a file is None."""

    entries: dict[str, tuple[str, _Folder | None]] = field(default_factory=dict)


class _Names:
    """The names that are taken, and how many there may be."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._top = _Folder()

    def take(self, name: str, parts: tuple[str, ...], *, folder: bool) -> None:
        """Have a file or a folder, and the folders that it is in."""
        place = self._top
        for part in parts[:-1]:
            place = self._open(name, place, part)
        if folder:
            self._open(name, place, parts[-1])
        elif self._has(name, place, parts[-1]):
            raise BundleError(f"{shown(name)} is in it twice")
        else:
            self._add(place, parts[-1], None)

    def _open(self, name: str, place: _Folder, part: str) -> _Folder:
        if not self._has(name, place, part):
            return self._add(place, part, _Folder())
        found = place.entries[_without_case(part)][1]
        if found is None:
            raise BundleError(f"{shown(name)} has a file where a folder belongs")
        return found

    def _has(self, name: str, place: _Folder, part: str) -> bool:
        spelt, _ = place.entries.get(_without_case(part), ("", None))
        if spelt and spelt != part:
            raise BundleError(f"{shown(name)} is in it twice but for case, as {shown(spelt)} and {shown(part)}")
        return bool(spelt)

    def _add(self, place: _Folder, part: str, made: _Folder | None) -> _Folder:
        self._count += 1
        if self._count > self._limit:
            raise BundleError(f"it holds more than {self._limit} files")
        place.entries[_without_case(part)] = part, made
        return made or place


def _unpack_member(
    archive: Tarball, member: tarfile.TarInfo, target: Path, names: _Names, parts: tuple[str, ...]
) -> None:
    if not (member.isdir() or member.isreg()):
        raise BundleError(f"{shown(member.name)} is a link or a device")
    if parts:
        names.take(member.name, parts, folder=member.isdir())
    elif not member.isdir():
        raise BundleError(f"{shown(member.name)} names no file")
    try:
        _make(archive, member, target.joinpath(*parts))
    except OSError as error:
        if error.errno not in BAD_NAMES:
            raise
        raise BundleError(f"{shown(member.name)} cannot be the name of a file: {error.strerror}") from None


def _make(archive: Tarball, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb", buffering=io.DEFAULT_BUFFER_SIZE) as made:
        archive.copy_content(made)
    path.chmod(0o755 if member.mode & EXECUTABLE else 0o644)


def checked_parts(name: str) -> tuple[str, ...]:
    """The folders and the file that a member's name consists of.

    Raises:
        BundleError: it leads out of where it is unpacked, or is too long or too deep.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise BundleError(f"{shown(name)} leads out of it")
    too_long = len(os.fsencode(name)) > LONGEST_PATH or any(
        len(os.fsencode(part)) > LONGEST_PART for part in path.parts
    )
    if too_long:
        raise BundleError(f"{shown(name)} is too long a name")
    if len(path.parts) > DEEPEST:
        raise BundleError(f"{shown(name)} is more than {DEEPEST} folders deep")
    return path.parts


def _is_of_a_mac(parts: tuple[str, ...]) -> bool:
    return any(part in (MAC_FOLDER, MAC_FILE) or part.startswith(MAC_PREFIX) for part in parts)


def _without_case(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def _find_plugin(target: Path) -> Path:
    entries = list(target.iterdir())
    folder = entries[0] if len(entries) == 1 and entries[0].is_dir() else target
    if not any((folder / name).is_file() for name in FILE_NAMES):
        raise BundleError(f"it has none of {', '.join(FILE_NAMES)} at its top")
    return folder
