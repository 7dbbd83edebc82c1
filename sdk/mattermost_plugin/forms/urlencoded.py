"""An urlencoded form, parsed as it comes in; no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mattermost_plugin.forms.errors import FormTooLarge, MalformedForm
from mattermost_plugin.forms.events import FormEvent, PartHead
from mattermost_plugin.forms.limits import FormLimits

ESCAPE_SIZE = 3
"""Bytes of an escape: `%2B`."""


class UrlencodedParser:
    """Parses one form.

    Args:
        limits: how much of it is taken.
    """

    def __init__(self, limits: FormLimits) -> None:
        self._limits = limits
        self._pairs = 1
        self._name: bytearray | None = bytearray()  # None within a value
        self._escape = b""

    def parse(self, data: bytes) -> Iterator[FormEvent]:
        """What is told by the next bytes of the body.

        Raises:
            FormTooLarge: more parts, or a longer name, than is taken.
            MalformedForm: a name that is no text.
        """
        for index, pair in enumerate(data.split(b"&", self._limits.parts)):
            if index:
                yield from self._end_part()
                self._pairs += 1
                if self._pairs > self._limits.parts:
                    raise FormTooLarge(f"a form of more than {self._limits.parts} parts")
            yield from self._within_part(pair)

    def close(self) -> Iterator[FormEvent]:
        """What is told by the end of the body."""
        yield from self._end_part()

    def _within_part(self, data: bytes) -> Iterator[FormEvent]:
        if self._name is not None:
            name, equals, data = data.partition(b"=")
            self._name += name
            if len(self._name) > self._limits.name_size:
                raise FormTooLarge(f"a name of more than {self._limits.name_size} bytes")
            if not equals:
                return
            yield self._begin_part()
        if piece := self._decoded(data):
            yield piece

    def _begin_part(self) -> PartHead:
        assert self._name is not None
        try:
            name = unquote_to_bytes(bytes(self._name).replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            raise MalformedForm("the name of a field is not UTF-8") from None
        self._name = None
        return PartHead(name, None, {})

    def _decoded(self, data: bytes) -> bytes:
        """The bytes that a piece of a value stands for; an escape that it cuts waits for the next."""
        data = self._escape + data
        cut = data.rfind(b"%", max(0, len(data) - ESCAPE_SIZE + 1))
        self._escape = data[cut:] if cut >= 0 else b""
        return unquote_to_bytes(data[:cut].replace(b"+", b" ") if cut >= 0 else data.replace(b"+", b" "))

    def _end_part(self) -> Iterator[FormEvent]:
        if self._name:  # a name without a value
            yield self._begin_part()
        if self._name is None:
            if self._escape:  # it was none
                yield self._escape.replace(b"+", b" ")
            yield None
        self._name, self._escape = bytearray(), b""
