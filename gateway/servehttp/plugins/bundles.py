"""Unpacking a plugin's bundle, a .tar.gz that nobody vouches for.

Only folders and plain files are made, only below the target, and no more bytes and files than allowed: the bytes are
counted as they are decompressed, before tar looks at them, so that no header can ask for more memory than that.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from servehttp.errors import BundleError
from servehttp.plugins.manifest import FILE_NAMES

COPIED = 64 * 1024
"""Bytes that are written at once."""
EXECUTABLE = 0o100


@dataclass(frozen=True)
class BundleLimits:
    """What a bundle may hold."""

    unpacked_size: int
    """Bytes, the archive's own headers included."""
    files: int
    """Files and folders."""


def unpack(bundle: bytes, target: Path, limits: BundleLimits) -> Path:
    """Unpack a bundle into an empty folder; returns the folder with the manifest, which is that or the only one in it.

    Raises:
        BundleError: it is no archive, holds what it must not, or more than it may, or has no manifest.
        OSError: the target cannot be written to.
    """
    try:
        with tarfile.open(fileobj=_Limited(bundle, limits.unpacked_size), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= limits.files:
                    raise BundleError(f"it holds more than {limits.files} files")
                _unpack_member(archive, member, target)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BundleError(f"it is no .tar.gz: {error}") from None
    return _find_plugin(target)


class _Limited(io.RawIOBase):
    """The archive without its compression, which breaks off at a limit."""

    def __init__(self, bundle: bytes, limit: int) -> None:
        super().__init__()
        self._source = gzip.GzipFile(fileobj=io.BytesIO(bundle))
        self._limit = limit
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BundleError(f"it unpacks to more than {self._limit} bytes")
        return data


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    path = target.joinpath(*_checked_path(member.name))
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif member.isreg():
        path.parent.mkdir(parents=True, exist_ok=True)
        source = archive.extractfile(member)
        assert source is not None
        with source, _created(path, member) as made:
            shutil.copyfileobj(source, made, COPIED)
        path.chmod(0o755 if member.mode & EXECUTABLE else 0o644)
    else:
        raise BundleError(f"{member.name!r:.200} is a link or a device")


def _created(path: Path, member: tarfile.TarInfo) -> io.BufferedWriter:
    try:
        return path.open("xb")
    except FileExistsError:
        raise BundleError(f"{member.name!r:.200} is in it twice") from None


def _checked_path(name: str) -> Iterator[str]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise BundleError(f"{name!r:.200} leads out of it")
    return iter(path.parts)


def _find_plugin(target: Path) -> Path:
    entries = list(target.iterdir())
    folder = entries[0] if len(entries) == 1 and entries[0].is_dir() else target
    if not any((folder / name).is_file() for name in FILE_NAMES):
        raise BundleError(f"it has none of {', '.join(FILE_NAMES)} at its top")
    return folder
