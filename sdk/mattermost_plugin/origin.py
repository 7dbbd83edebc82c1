"""What has caused what is done here: an HTTP request, known by its id.

A call takes it along, and whoever answers the call has it as its own: so the logs of a request name one id, through API
calls to the host and hooks of other plugins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mattermost_plugin.request_id import current, has_form

REQUEST_ID: Final = "x-request-id"
"""In the metadata of a call by gRPC."""


class Origin(NamedTuple):
    """Where something began.

    Attributes:
        request_id: of the request; empty where none is known.
    """

    request_id: str = ""


NOWHERE: Final = Origin()


def here() -> Origin:
    """That of what runs here."""
    request_id = current.get()
    return Origin(request_id) if request_id else NOWHERE


def enter(origin: Origin) -> None:
    """Go on as what has this origin, in this task, which is for that alone. What has not the form of an id is none."""
    current.set(origin.request_id if has_form(origin.request_id) else "")


def metadata(origin: Origin) -> list[tuple[str, str]]:
    """What a call by gRPC takes along of it."""
    return [(REQUEST_ID, origin.request_id)] if has_form(origin.request_id) else []


def of_metadata(fields: Iterable[tuple[bytes, bytes]]) -> Origin:
    """What a call by gRPC has brought of it."""
    found = {name: value.decode("latin-1") for name, value in fields if name == REQUEST_ID.encode()}
    return Origin(found[REQUEST_ID.encode()]) if found else NOWHERE
