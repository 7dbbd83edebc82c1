"""By which a plugin that was started by hand is told where the API of its host is."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError

from mattermost_plugin.calls.outcomes import Answer, CallContext
from mattermost_plugin.grpc import attach_pb2 as pb
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.targets import parse_target

OFFER_API = f"/{pb.DESCRIPTOR.services_by_name['Attachment'].full_name}/OfferApi"
ROOT = 0

Take = Callable[[str, str], Awaitable[None]]
"""Takes a plugin's id, and the target of its API."""


def offered(take: Take) -> Answer:
    """Answers the one call of the service."""

    async def answer(body: bytes, context: CallContext) -> bytes:
        try:
            offer = pb.OfferApiRequest.FromString(body)
            _check(offer.target)
        except (DecodeError, ValueError, OSError) as error:
            raise CallFailed(Status.FAILED_PRECONDITION, f"this API cannot be used: {error}") from None
        await take(offer.plugin_id, offer.target)
        return pb.OfferApiResponse().SerializeToString()

    return answer


def _check(target: str) -> None:
    """Whoever reaches the plugin may offer it something: what it then stores or asks shall not be another user's.

    Raises:
        ValueError: it is no socket, or another user's.
        OSError: it is out of reach.
    """
    path = parse_target(target).path
    found = os.stat(path) if path else None
    if found is None or not stat.S_ISSOCK(found.st_mode) or found.st_uid not in (os.getuid(), ROOT):
        raise ValueError(f"{target} is no socket of the user who runs the plugin")
