"""A .tar.gz that nobody vouches for, read member by member in bounded memory.

The standard library decodes the blocks of 512 bytes that are headers. What follows them is read here: its own reader
takes long names and pax records into memory whole, searches them in quadratic time, and unfolds sparse files.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

from servehttp.errors import BundleError

LARGEST_EXTENSION = 1024 * 1024
"""Bytes of one long name, or of the pax records of one member."""
MOST_EXTENSIONS = 8
"""Extension headers before one member."""
LONGEST_NUMBER = 20
"""Digits of a number in a pax record."""
COPIED = 64 * 1024
"""Bytes that are copied at once."""

CUT_SHORT = "it is cut short"
PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
OF_NO_CONCERN = (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)
"""The target of a link, and records for all members, such as the commit that git made an archive of."""
SPARSE_RECORD = "GNU.sparse."


class Tarball:
    """The archive; of each member the content is read before the next one comes.

    Args:
        bundle: the compressed archive.
        limit: how many bytes it may unpack to, its headers included.
    """

    def __init__(self, bundle: IO[bytes], limit: int) -> None:
        self._source = gzip.GzipFile(fileobj=bundle, mode="rb")
        self._limit = limit
        self._left = limit
        self._content = 0
        self._padding = 0

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Every member, with its true name and size.

        Raises:
            BundleError: it is no archive, unpacks to too much, or a member cannot be understood.
        """
        try:
            while (member := self._next_member()) is not None:
                self._content = member.size if member.isreg() else 0
                self._padding = -self._content % tarfile.BLOCKSIZE
                yield member
                self.copy_content(None)
            while self._read_up_to(COPIED):  # to its end, where the check sum is
                pass
        except tarfile.TarError as error:
            raise BundleError(f"it is no .tar.gz: {error}") from None

    def copy_content(self, to: IO[bytes] | None) -> None:
        """Write what is left of the current member's content; None passes over it.

        Raises:
            BundleError: as `members`.
        """
        while self._content:
            piece = self._read(min(self._content, COPIED))
            self._content -= len(piece)
            if to is not None:
                to.write(piece)
        self._read(self._padding)
        self._padding = 0

    def _next_member(self) -> tarfile.TarInfo | None:
        records: dict[str, str] = {}
        extensions = 0
        while (header := self._header()) is not None:
            if header.type == tarfile.GNUTYPE_LONGNAME:
                records["path"] = _text(self._extension(header).partition(b"\0")[0])
            elif header.type in PAX:
                records |= _pax_records(header.name, self._extension(header))
            elif header.type in OF_NO_CONCERN:
                self._extension(header)
            else:
                return _amended(header, records)
            extensions += 1
            if extensions > MOST_EXTENSIONS:
                raise BundleError(f"{shown(header.name)} is one of more than {MOST_EXTENSIONS} extension headers")
        return None

    def _header(self) -> tarfile.TarInfo | None:
        block = self._read_up_to(tarfile.BLOCKSIZE)
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]  # typeshed lacks them
            if self._left == self._limit:
                raise BundleError("it is no .tar.gz: it is empty") from None
            return None

    def _extension(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= LARGEST_EXTENSION:
            raise BundleError(f"{shown(header.name)} is an extension header of {header.size} bytes")
        body = self._read(header.size)
        self._read(-header.size % tarfile.BLOCKSIZE)
        return body

    def _read(self, size: int) -> bytes:
        data = self._read_up_to(size)
        if len(data) < size:
            raise BundleError(CUT_SHORT)
        return data

    def _read_up_to(self, size: int) -> bytes:
        try:
            data = self._source.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BundleError(f"it is no .tar.gz: {error}") from None
        self._left -= len(data)
        if self._left < 0:
            raise BundleError(f"it unpacks to more than {self._limit} bytes")
        return data


def shown(name: str) -> str:
    """A member's name as an error may quote it: escaped, and no longer than a line."""
    return f"{name[:200]!r:.200}"


def _amended(header: tarfile.TarInfo, records: Mapping[str, str]) -> tarfile.TarInfo:
    """The member with what extension headers said of it."""
    header.name = records.get("path", header.name)
    if header.type == tarfile.GNUTYPE_SPARSE or any(name.startswith(SPARSE_RECORD) for name in records):
        raise BundleError(f"{shown(header.name)} is a sparse file; pack it without --sparse")
    if "size" in records:
        header.size = _number(header.name, records["size"])
    if header.size < 0:
        raise BundleError(f"{shown(header.name)} has a size of {header.size} bytes")
    return header


def _pax_records(name: str, body: bytes) -> dict[str, str]:
    """Records of the form `LENGTH KEY=VALUE` and a line feed, the length being that of the whole record."""
    records = {}
    place = 0
    while place < len(body):
        space = body.find(b" ", place, place + LONGEST_NUMBER)
        end = place + _number(name, _text(body[place:space])) if space > 0 else 0
        key, equals, value = body[space + 1 : end - 1].partition(b"=")
        if not equals or body[end - 1 : end] != b"\n":
            raise BundleError(f"{shown(name)} has pax records that cannot be read")
        records[_text(key)] = _text(value)
        place = end
    return records


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER):
        raise BundleError(f"{shown(name)} has {shown(text)} in its pax records where a number belongs")
    return int(text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
