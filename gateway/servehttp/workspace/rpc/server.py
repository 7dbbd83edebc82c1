"""One plugin's endpoint of the API: a server of its own, so that who calls is known by where the call came in.

A unix socket lies in a folder that only our user may enter. Loopback TCP is open to every local process, so each call
has to bring the token that the plugin was given.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path
from typing import Any, Never

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mattermost_plugin.calls.errors import CallFailed
from mattermost_plugin.calls.server import CallContext, CallServer, answering
from mattermost_plugin.handshake import calls_socket
from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE
from mattermost_plugin.unix_sockets import listen_at
from servehttp.workspace.errors import AppFailure, not_implemented
from servehttp.workspace.rpc.call import ApiCall
from servehttp.workspace.rpc.table import HANDLERS, RESPONDERS, RPCS, SERVICE, Handler
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

SOCKET = "api.sock"
"""The name of an endpoint's socket: short, for so its path has to be."""
STOP_GRACE = 1.0
"""Seconds that running calls have to end when the endpoint closes."""
DATABASE_AWAY = "the workspace's database is not available; try again"

logger = structlog.get_logger("servehttp.api")


class Endpoint:
    """Where one plugin reaches the API.

    Attributes:
        target: as gRPC names it, for MATTERMOST_PLUGIN_API_TARGET.
        token: for MATTERMOST_PLUGIN_API_TOKEN; empty where none is needed.
    """

    def __init__(self, server: grpc.aio.Server, target: str, token: str, calls: CallServer | None = None) -> None:
        self.target = target
        self.token = token
        self._server = server
        self._calls = calls

    @classmethod
    async def on_socket(
        cls,
        workspace: Workspace,
        plugin_id: str,
        folder: Path,
        message_size: int = DEFAULT_MESSAGE_SIZE,
        replica: int | None = None,
    ) -> Endpoint:
        """Serve at a socket in a folder, which nobody else may enter from then on, and directly at one beside it.

        Raises:
            OSError: the folder cannot be made, or is not ours.
            RuntimeError: gRPC cannot listen there: the path may be too long.
        """
        _make_private(folder)
        target = f"unix:{folder / SOCKET}"
        call = ApiCall(workspace, plugin_id, replica)
        server = _server(call, "", message_size)
        server.add_insecure_port(target)
        await server.start()
        return cls(server, target, "", await _serve_directly(call, target, message_size))

    @classmethod
    async def on_loopback(
        cls,
        workspace: Workspace,
        plugin_id: str,
        message_size: int = DEFAULT_MESSAGE_SIZE,
        replica: int | None = None,
    ) -> Endpoint:
        """Serve at a free TCP port of the loopback interface, for whoever brings the token.

        Raises:
            RuntimeError: gRPC cannot listen there.
        """
        token = secrets.token_urlsafe()
        server = _server(ApiCall(workspace, plugin_id, replica), token, message_size)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return cls(server, f"127.0.0.1:{port}", token)

    async def close(self) -> None:
        """Take no more calls; those that run have a second."""
        stops = [self._server.stop(STOP_GRACE)]
        if self._calls is not None:
            stops.append(self._calls.close(STOP_GRACE))
        await asyncio.gather(*stops)


class _Service(grpc.GenericRpcHandler):
    """The service as its descriptor has it; the handlers come from the table."""

    def __init__(self, call: ApiCall, token: str) -> None:
        self._methods = {_path(rpc): _method(rpc, call, token) for rpc in RPCS}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._methods.get(handler_call_details.method)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # it may have been there


def _server(call: ApiCall, token: str, message_size: int) -> grpc.aio.Server:
    options = [
        ("grpc.max_receive_message_length", message_size),
        ("grpc.max_send_message_length", message_size),
        ("grpc.so_reuseport", 0),
    ]
    return grpc.aio.server(handlers=(_Service(call, token),), options=options)


async def _serve_directly(call: ApiCall, target: str, message_size: int) -> CallServer | None:
    """Answer without gRPC's library as well; None where there is no place for it."""
    listener = listen_at(calls_socket(target), "the plugin API has")
    if listener is None:
        return None
    calls = CallServer({_path(rpc): answering(_answer(rpc, call), _request_class(rpc)) for rpc in RPCS}, message_size)
    # Who has the plugin started is not who calls: nothing of that context may be in the calls'.
    await asyncio.create_task(calls.start(listener), context=Context())
    return calls


def _method(rpc: str, call: ApiCall, token: str) -> grpc.RpcMethodHandler[Any, Any]:
    handler = _answer(rpc, call)

    async def answer(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
        if token and not _is_authorised(context, token):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong")
        try:
            return await handler(request, context)
        except CallFailed as failure:
            await context.abort(failure.code(), failure.details())

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=_request_class(rpc).FromString,
        response_serializer=GetMessageClass(RPCS[rpc].output_type).SerializeToString,
    )


def _answer(rpc: str, call: ApiCall) -> Callable[[Message, CallContext], Awaitable[Message]]:
    """What answers an rpc, whichever way it is called; it raises CallFailed for a status."""
    handler, responder = HANDLERS.get(rpc) or _not_served(rpc), RESPONDERS[rpc]

    async def answer(request: Message, context: CallContext) -> Message:
        try:
            return responder.result(await handler(call, request))
        except AppFailure as failure:
            return responder.failure(failure)
        except StoreUnavailable as error:
            logger.warning("plugin API call not served", rpc=rpc, reason=str(error), **call.label)
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, DATABASE_AWAY) from None
        except Exception:
            logger.exception("plugin API call failed", rpc=rpc, **call.label)
            return responder.failure(_internal_failure(rpc))

    return answer


def _path(rpc: str) -> str:
    return f"/{SERVICE.full_name}/{rpc}"


def _request_class(rpc: str) -> type[Message]:
    return GetMessageClass(RPCS[rpc].input_type)


def _not_served(rpc: str) -> Handler:
    async def refuse(call: ApiCall, request: Message) -> Never:
        raise not_implemented(rpc)

    return refuse


def _internal_failure(rpc: str) -> AppFailure:
    return AppFailure("plugin_api.internal.app_error", "The host failed; its log says why.", 500, where=rpc)


def _is_authorised(context: grpc.aio.ServicerContext[Any, Any], token: str) -> bool:
    given = dict(context.invocation_metadata() or ()).get("authorization", "")
    return hmac.compare_digest(str(given).encode(), f"Bearer {token}".encode())
