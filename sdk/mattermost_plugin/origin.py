"""What has caused what is done here: an HTTP request, known by its id, and where in a trace that is.

A call takes it along, and whoever answers the call has it as its own: so the logs of a request name one id, through API
calls to the host and hooks of other plugins, and so do traces.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from mattermost_plugin import tracing
from mattermost_plugin.request_id import current, has_form
from mattermost_plugin.tracing import LONGEST, NO_CONTEXT, TRACEPARENT, TRACESTATE, Context

REQUEST_ID: Final = "x-request-id"
"""In the metadata of a call by gRPC, as are the others."""


class Origin(NamedTuple):
    """Where something began.

    Attributes:
        request_id: of the request; empty where none is known.
        context: the place in its trace.
    """

    request_id: str = ""
    context: Context = NO_CONTEXT


NOWHERE: Final = Origin()


def here() -> Origin:
    """That of what runs here."""
    request_id, context = current.get(), tracing.here()
    return Origin(request_id, context) if request_id or context.traceparent else NOWHERE


def enter(origin: Origin) -> None:
    """Go on as what has this origin, in this task, which is for that alone. What has not the form of an id is none."""
    current.set(origin.request_id if has_form(origin.request_id) else "")
    context = origin.context
    tracing.enter(context if len(context.tracestate) <= LONGEST else Context(context.traceparent))


def metadata(origin: Origin) -> list[tuple[str, str]]:
    """What a call by gRPC takes along of it."""
    request_id = origin.request_id if has_form(origin.request_id) else ""
    fields = zip((REQUEST_ID, TRACEPARENT, TRACESTATE), (request_id, *origin.context), strict=True)
    return [(name, value) for name, value in fields if value]


def of_metadata(fields: Iterable[tuple[bytes, bytes]]) -> Origin:
    """What a call by gRPC has brought of it."""
    found = dict(fields)

    def value(name: str) -> str:
        return found.get(name.encode(), b"").decode("latin-1")

    return Origin(value(REQUEST_ID), Context(value(TRACEPARENT), value(TRACESTATE)))
