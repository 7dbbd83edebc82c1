"""As much of protobuf's wire format as the tunnel's messages need.

By hand, because the way through generated message objects costs more than all else that a tunnel does for a request:
each field is a look-up by name, and each nested message an object. The bytes are the same; the tests hold them against
the generated code.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_plugin.tunnel.errors import RemoteProtocolError

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

UINT32: Final = 0xFFFFFFFF
MAX_FIELDS: Final = 65_536
"""Fields of one message and of all messages in it: docs/protocol.md §5."""
LAST_SHIFT: Final = 63
"""Of the tenth and last byte that a number may have."""

ONE_BYTE: Final = [bytes((value,)) for value in range(128)]
"""Numbers below 128, encoded."""
MORE_BYTES: Final = [bytes((value | 128,)) for value in range(128)]
"""Seven bits that others follow, encoded."""


def varint(value: int) -> bytes:
    """An unsigned number.

    Raises:
        ValueError: it is negative, or has more than 64 bits.
    """
    if 0 <= value < 128:
        return ONE_BYTE[value]
    if value < 0 or value >> 64:
        raise ValueError(f"{value} is out of the range of an unsigned number of 64 bits")
    return MORE_BYTES[value & 127] + varint(value >> 7)


class Field:
    """One field of a message.

    Args:
        message: the generated class.
        name: of the field.

    Attributes:
        tag: announces it, as a number.
        start: the same as bytes.
        before: what stands before data, which is the tag and the length, for each length below 128.
    """

    __slots__ = ("before", "start", "tag")

    def __init__(self, message: Any, name: str) -> None:  # Any: generated classes share no base that knows descriptors
        field = message.DESCRIPTOR.fields_by_name[name]
        data = (field.CPPTYPE_STRING, field.CPPTYPE_MESSAGE)
        self.tag: int = field.number << 3 | (LENGTH if field.cpp_type in data else VARINT)
        self.start = varint(self.tag)
        # The tag with each value of one byte: most lengths and numbers are below 128, and one piece is one join less.
        self.before = [self.start + length for length in ONE_BYTE]


def put(pieces: list[bytes], field: Field, data: bytes) -> None:
    """Append a field of data, even if it is empty."""
    size = len(data)
    pieces.append(field.before[size] if size < 128 else field.start + varint(size))
    pieces.append(data)


def put_text(pieces: list[bytes], field: Field, text: str) -> None:
    """Append a field of text, unless it is empty."""
    if text:
        put(pieces, field, text.encode())


def put_number(pieces: list[bytes], field: Field, value: int) -> None:
    """Append a field with a number, unless it is 0."""
    if 0 < value < 128:
        pieces.append(field.before[value])
    elif value:
        pieces.append(field.start + varint(value))


def enclose(pieces: list[bytes], start: int, field: Field) -> None:
    """Make everything after the empty piece at `start` one field: a message in a message."""
    size = 0
    for piece in pieces[start + 1 :]:
        size += len(piece)
    pieces[start] = field.start + varint(size)


class Reader:
    """Reads one message from its first byte to its last.

    A number that runs out of the data raises IndexError, everything else that cannot be read `RemoteProtocolError`.

    Args:
        data: the message is in it.
        start: where it begins.
        end: where it ends.
        fields_left: how many fields may still be read, in this message and in those within it.

    Attributes:
        position: of the next byte.
    """

    __slots__ = ("_data", "_end", "fields_left", "position")

    def __init__(self, data: bytes, start: int, end: int, fields_left: int = MAX_FIELDS) -> None:
        self._data = data
        self._end = end
        self.fields_left = fields_left
        self.position = start

    def tag(self) -> int:
        """What announces the next field."""
        self.fields_left -= 1
        if self.fields_left < 0:
            raise RemoteProtocolError(f"a message of more than {MAX_FIELDS} fields")
        return self.varint()

    def varint(self) -> int:
        """A number."""
        byte = self._byte()
        if byte < 128:  # as nearly always
            return byte
        value = byte & 127
        shift = 7
        while byte > 127:
            if shift > LAST_SHIFT:
                raise RemoteProtocolError("a number of more than 64 bits")
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
        return value

    def _byte(self) -> int:
        # What stands behind the message is somebody else's, if there is anything.
        if self.position >= self._end:
            raise IndexError("it ends in the middle of a field")
        byte = self._data[self.position]
        self.position += 1
        return byte

    def end(self) -> int:
        """Where the field of data ends that begins here."""
        length = self.varint()
        end = self.position + length
        if end > self._end:
            raise RemoteProtocolError("a field that is longer than its message")
        return end

    def leave(self, end: int) -> None:
        """A message in this one was read, field by field, which must have ended at `end`."""
        if self.position != end:
            raise RemoteProtocolError("a field that is longer than its message")

    def data(self) -> bytes:
        """A field of data."""
        end = self.end()
        data = self._data[self.position : end]
        self.position = end
        return data

    def text(self) -> str:
        """A field of text."""
        return self.data().decode()

    def skip(self, tag: int) -> None:
        """Pass over a field that this version does not know."""
        kind = tag & 7
        if kind == VARINT:
            self.varint()
        elif kind == LENGTH:
            self.position = self.end()
        elif kind == FIXED64:
            self.position += 8
        elif kind == FIXED32:
            self.position += 4
        else:
            raise RemoteProtocolError(f"a field of the unknown kind {kind}")
