"""Blocks of headers: to bytes, and from bytes to what they say.

The peer is asked to keep no table of what it has sent. A block then means the same whenever it comes, and what the same
bytes meant before is looked up: calls of one kind have the same few blocks. In the other direction a `Template`, fields
that are sent again and again, is put into the peer's table and is a few bytes from then on; everything else stays out
of the table, and so leaves templates as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from hpack import Decoder, Encoder, HPACKError, OversizedHeaderListError

from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]

MAX_HEADER_LIST: Final = 64 * 1024
"""Bytes of a block's fields, each with 32 more: RFC 9113 §6.5.2."""
FIELD_OVERHEAD: Final = 32
OUR_TABLE: Final = 4096
"""Bytes of the peer's table that this end uses at most, which is what there is without its settings."""
LARGEST_KNOWN: Final = 1024
"""Bytes above which a block is not remembered."""
MOST_KNOWN: Final = 256
SHORT: Final = 127
"""Lengths below this are one byte."""

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_FORBIDDEN: Final = re.compile(rb"[\0\r\n]")
_OF_CONNECTIONS: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority", b":status"))


class Head:
    """What a block says.

    Attributes:
        pseudo: the fields with a colon in front.
        fields: the others, in order. Nobody changes them: the same block is given out again.
        problem: why it is malformed (RFC 9113 §8.1.1); empty if it is not.
    """

    __slots__ = ("fields", "problem", "pseudo")

    def __init__(self, pseudo: dict[bytes, bytes], fields: list[tuple[bytes, bytes]], problem: str) -> None:
        self.pseudo = pseudo
        self.fields = fields
        self.problem = problem

    def field(self, name: bytes) -> bytes | None:
        """The first value of a field."""
        for key, value in self.fields:
            if key == name:
                return value
        return None


class BlockDecoder:
    """Reads the blocks of one peer."""

    def __init__(self) -> None:
        self._decoder = Decoder(MAX_HEADER_LIST)
        self._known: dict[bytes, Head] = {}
        self._table_forbidden = False

    @property
    def stateless(self) -> bool:
        """Whether no block depends on another."""
        return self._table_forbidden and self._decoder.header_table_size == 0

    def forbid_table(self) -> None:
        """The peer knows that it may keep no table."""
        self._table_forbidden = True
        self._decoder.max_allowed_table_size = 0

    def decode(self, block: bytes) -> Head:
        """What a block says.

        Raises:
            Violation: it cannot be read, nor can any that would follow.
        """
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            head = parse([(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)])
        except OversizedHeaderListError:
            text = f"headers of more than {MAX_HEADER_LIST} bytes"
            if not self.stateless:
                raise Violation(ENHANCE_YOUR_CALM, text) from None
            head = Head({}, [], text)
        except HPACKError as error:
            raise Violation(COMPRESSION_ERROR, f"headers that cannot be read: {error}") from None
        if self.stateless and len(block) <= LARGEST_KNOWN:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[block] = head
        return head


def parse(fields: list[tuple[bytes, bytes]]) -> Head:
    """What fields say, and whether they may stand in a block at all."""
    pseudo: dict[bytes, bytes] = {}
    regular: list[tuple[bytes, bytes]] = []
    problem = ""
    for name, value in fields:
        if name.startswith(b":"):
            problem = problem or _problem_of_pseudo(name, pseudo, regular)
            pseudo[name] = value
        else:
            problem = problem or _problem_of_field(name, value)
            regular.append((name, value))
        if _FORBIDDEN.search(value):
            problem = problem or "a value with a line break or a zero in it"
    return Head(pseudo, regular, problem)


def _problem_of_pseudo(name: bytes, pseudo: dict[bytes, bytes], regular: list[tuple[bytes, bytes]]) -> str:
    if name not in _PSEUDO:
        return "a pseudo-header that is not known"
    if name in pseudo:
        return "a pseudo-header that comes twice"
    return "a pseudo-header behind a field" if regular else ""


def _problem_of_field(name: bytes, value: bytes) -> str:
    if not _NAME.fullmatch(name):
        return "a field whose name is none"
    if name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
        return "a field that is for HTTP/1 connections"
    return ""


class Template:
    """Fields that are sent again and again on one connection.

    Attributes:
        fields: names and values.
    """

    __slots__ = ("block", "fields", "generation")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self.fields = tuple(fields)
        self.block = b""
        self.generation = 0


class BlockEncoder:
    """Writes the blocks for one peer."""

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._generation = 1  # of the table: places in it change with everything that is put into it
        self._size = self._least = OUR_TABLE

    def resize(self, size: int) -> None:
        """The peer said how large its table may be."""
        self._size = min(size, OUR_TABLE)
        self._least = min(self._least, self._size)
        self._generation += 1

    def encode(self, template: Template) -> bytes:
        """The block of a template, or the beginning of one that goes on with `literal`s."""
        if template.generation == self._generation:
            return template.block
        opening = self.opening()
        table = self._encoder.header_table
        before = table.dynamic_entries[0] if table.dynamic_entries else None
        block = bytes(self._encoder.encode(template.fields, huffman=False))
        after = table.dynamic_entries[0] if table.dynamic_entries else None
        if after is before:
            template.block = block
            template.generation = self._generation
        else:
            self._generation += 1
        return opening + block

    def opening(self) -> bytes:
        """What a block without a template has to begin with: the size of the table where the peer has changed it."""
        table = self._encoder.header_table
        if self._least == self._size == table.maxsize:
            return b""
        # To the least size that was asked for meanwhile, and then to the last: RFC 7541 §4.2.
        for size in (self._least, self._size):
            if size != table.maxsize:
                self._encoder.header_table_size = size
        self._least = self._size
        return bytes(self._encoder.encode(()))


def literal(name: bytes, value: bytes) -> bytes:
    """A field that is not put into the peer's table."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(size: int) -> bytes:
    if size < SHORT:
        return bytes((size,))
    size -= SHORT
    octets = [SHORT]
    while size > SHORT:
        octets.append(size & SHORT | 128)
        size >>= 7
    octets.append(size)
    return bytes(octets)


def list_size(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """What fields count for in a peer's MAX_HEADER_LIST_SIZE."""
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)
