"""What ratios.py calls, in a process of its own: a bare gRPC server, the host's API over memory, and a plugin.

python ratio_servers.py FOLDER   listens at sockets in the folder, prints a line once it does, and serves until SIGTERM
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import grpc.aio

from benchmarks.operations import user_message
from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.models import PluginContext, Post, User
from mattermost_plugin.process import event_loop
from mattermost_plugin.server import PluginServer
from servehttp.figures import Figures
from servehttp.workspace.rpc.server import SOCKET, Endpoint
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace

BARE, API, PLUGIN = "bare.sock", SOCKET, "plugin.sock"
"""Sockets in the folder."""


class Bare(grpc.GenericRpcHandler):
    """Answers `/bare/N` with N bytes, and looks at nothing."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        answer = bytes(int(str(handler_call_details.method).removeprefix("/bare/")))

        async def respond(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            return answer

        return grpc.unary_unary_rpc_method_handler(respond)


class Users:
    """Knows one user, under every id."""

    def __init__(self) -> None:
        self._user = User.from_proto(user_message())

    async def get(self, user_id: str) -> User:
        return self._user


class Allowing(Plugin):
    """Looks at each post, and lets it be."""

    @hook(HookName.MessageWillBePosted)
    async def check(self, context: PluginContext, post: Post) -> None: ...


async def serve(folder: Path) -> None:
    """Serve all three until told to end."""
    bare = grpc.aio.server(handlers=(Bare(),))
    bare.add_insecure_port(f"unix:{folder / BARE}")
    await bare.start()
    # Only these are asked for on the way of GetUser.
    workspace = cast("Workspace", SimpleNamespace(settings=WorkspaceSettings(), users=Users(), figures=Figures()))
    endpoint = await Endpoint.on_socket(workspace, "com.example.measured", folder)
    plugin = PluginServer(Allowing(), address=Handshake("unix", str(folder / PLUGIN)))
    await plugin.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print("listening", flush=True)
    await ended.wait()
    await asyncio.gather(bare.stop(None), endpoint.close(), plugin.stop(0))


if __name__ == "__main__":
    event_loop.run(serve(Path(sys.argv[1])))
