"""By which a plugin that was started by hand is told where the API of its host is."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

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
            target = await asyncio.to_thread(_checked, offer.target)
        except (DecodeError, ValueError, OSError) as error:
            raise CallFailed(Status.FAILED_PRECONDITION, f"this API cannot be used: {error}") from None
        await take(offer.plugin_id, target)
        return pb.OfferApiResponse().SerializeToString()

    return answer


def _checked(target: str) -> str:
    """The target by its real path, to which only our user or root can put anything else later.

    Whoever reaches the plugin may offer it something: what it then stores or asks shall not be another user's.

    Raises:
        ValueError: it is no socket, or another user's, or in reach of one.
        OSError: it is out of reach.
    """
    path = parse_target(target).path
    real = Path(os.path.realpath(path)) if path else None
    if real is None or not stat.S_ISSOCK(real.stat().st_mode) or not all(map(_is_own, (real, *real.parents))):
        raise ValueError(f"{target} is no socket of the user who runs the plugin, in folders that are not others'")
    return f"unix:{real}"


def _is_own(path: Path) -> bool:
    """Whether no other user can put something else in its place, or in it."""
    found = path.stat()
    others_write = stat.S_ISDIR(found.st_mode) and found.st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH
    return found.st_uid in (os.getuid(), ROOT) and not others_write
