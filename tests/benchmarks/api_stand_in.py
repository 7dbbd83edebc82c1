"""A PluginAPI server without a database, for benchmarks: what they measure with it is the wire.

python api_stand_in.py --listen ADDRESS   prints where it listens, one line, and serves until SIGTERM or SIGINT
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc.aio

from mattermost_plugin.grpc import api_pb2_grpc
from mattermost_plugin.grpc.api_channel_post_pb2 import CreatePostRequest, CreatePostResponse
from mattermost_plugin.grpc.api_user_team_pb2 import GetUserRequest, GetUserResponse
from mattermost_plugin.grpc.user_pb2 import User

Context = grpc.aio.ServicerContext[Any, Any]

USER = User(
    create_at=1_700_000_000_000,
    update_at=1_730_000_000_000,
    username="jane.doe",
    email="jane.doe@example.com",
    email_verified=True,
    nickname="Jane",
    first_name="Jane",
    last_name="Doe",
    position="Engineer",
    roles="system_user system_admin",
    props={"customStatus": '{"emoji":"calendar","text":"In a meeting","duration":"one_hour"}'},
    notify_props={
        "channel": "true",
        "comments": "never",
        "desktop": "mention",
        "email": "true",
        "first_name": "false",
        "mention_keys": "jane,@jane.doe",
        "push": "mention",
    },
    last_password_update=1_710_000_000_000,
    last_picture_update=1_705_000_000_000,
    locale="en",
    timezone={"useAutomaticTimezone": "true", "automaticTimezone": "Europe/Berlin", "manualTimezone": ""},
    mfa_active=True,
    last_login=1_730_000_000_000,
)
"""An ordinary account, but for its id."""


class StandInAPI(api_pb2_grpc.PluginAPIServicer):
    """Knows one person under every id, and takes every post; of the other rpcs it has none."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    async def GetUser(self, request: GetUserRequest, context: Context) -> GetUserResponse:
        """The account, with the id that was asked for."""
        response = GetUserResponse(user=USER)
        response.user.id = request.user_id
        return response

    async def CreatePost(self, request: CreatePostRequest, context: Context) -> CreatePostResponse:
        """The post as it came, with an id and the time."""
        response = CreatePostResponse(post=request.post)
        post = response.post
        post.id = f"{next(self._numbers):026}"
        post.create_at = post.update_at = time.time_ns() // 1_000_000
        return response


async def serve(address: str, ready: Callable[[str], object] | None = None) -> None:
    """Serve the stand-in until cancelled.

    Args:
        address: `unix:PATH` or `HOST:PORT`; port 0 takes a free one.
        ready: called with the target for a client's channel, once it listens.

    Raises:
        RuntimeError: it cannot listen there.
    """
    server = grpc.aio.server()
    api_pb2_grpc.add_PluginAPIServicer_to_server(StandInAPI(), server)
    port = server.add_insecure_port(address)
    try:
        await server.start()
        if ready is not None:
            ready(address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}")
        await server.wait_for_termination()
    finally:
        await server.stop(None)


async def _serve_until_told(address: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await serve(address, lambda target: print(target, flush=True))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="A PluginAPI server without a database.")
    parser.add_argument("--listen", metavar="ADDRESS", default="127.0.0.1:0", help="unix:PATH or HOST:PORT")
    arguments = parser.parse_args()
    try:
        with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):  # told to end
            asyncio.run(_serve_until_told(arguments.listen))
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
