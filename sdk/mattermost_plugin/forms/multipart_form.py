"""A multipart form, parsed as it comes in by the library `multipart`; no I/O."""

from __future__ import annotations

from collections.abc import Iterator

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from mattermost_plugin.forms.errors import FormTooLarge, MalformedForm
from mattermost_plugin.forms.events import FormEvent, PartHead
from mattermost_plugin.forms.limits import FormLimits


class MultipartFormParser:
    """Parses one form.

    Args:
        boundary: what stands between its parts.
        limits: how much of it is taken.

    Raises:
        MalformedForm: the boundary is none.
    """

    def __init__(self, boundary: str, limits: FormLimits) -> None:
        try:
            self._parser = PushMultipartParser(
                boundary,
                max_segment_count=limits.parts,
                max_header_count=limits.headers,
                max_header_size=limits.header_size,
            )
        except MultipartError as error:
            raise _refused(error) from None

    def parse(self, data: bytes) -> Iterator[FormEvent]:
        """What is told by the next bytes of the body.

        Raises:
            FormTooLarge: more parts or headers, or longer ones, than are taken.
            MalformedForm: it is no such form.
        """
        if self._parser.closed:  # what follows the last boundary means nothing
            return
        try:
            for event in self._parser.parse(data):
                if isinstance(event, MultipartSegment):
                    yield PartHead(event.name, event.filename, {k.lower(): v for k, v in event.headerlist})
                else:
                    yield None if event is None else bytes(event)
        except MultipartError as error:
            raise _refused(error) from None

    def close(self) -> Iterator[FormEvent]:
        """What is told by the end of the body: nothing.

        Raises:
            MalformedForm: it ended too early.
        """
        try:
            self._parser.close()
        except MultipartError as error:
            raise _refused(error) from None
        return iter(())


def _refused(error: MultipartError) -> FormTooLarge | MalformedForm:
    kind = FormTooLarge if isinstance(error, ParserLimitReached) else MalformedForm
    return kind(f"the form cannot be read: {error.args[0]}")
