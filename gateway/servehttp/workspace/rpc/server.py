"""One plugin's endpoint of the API: a server of its own, so that who calls is known by where the call came in.

A unix socket lies in a folder that only our user may enter. Loopback TCP is open to every local process, so each call
has to bring the token that the plugin was given.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Never

import structlog
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mattermost_plugin.calls.client import CONNECT
from mattermost_plugin.calls.outcomes import Answer, CallContext, answering
from mattermost_plugin.calls.server import CallServer
from mattermost_plugin.exchange import Serve
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.grpc_connection import GrpcCall, Method
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.service import NOTHING, Service
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE
from mattermost_plugin.statuses import CallFailed, Status
from mattermost_plugin.targets import UNIX
from mattermost_plugin.tracing import Kind, around
from mattermost_plugin.tunnel.rpc import CONNECT as TUNNEL
from mattermost_plugin.tunnel.servicer import TunnelServicer
from mattermost_plugin.unix_sockets import listen_at, unlink_socket
from servehttp.figures import API_CALLS
from servehttp.logs import of_request
from servehttp.workspace.errors import AppFailure, not_implemented
from servehttp.workspace.rpc.call import ApiCall
from servehttp.workspace.rpc.table import HANDLERS, RESPONDERS, RPCS, Handler, path_of
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

SOCKET = "api.sock"
"""The name of an endpoint's socket: short, for so its path has to be."""
LOOPBACK = "127.0.0.1"
STOP_GRACE = 1.0
"""Seconds that running calls have to end when the endpoint closes."""
DATABASE_AWAY = "the workspace's database is not available; try again"

logger = structlog.get_logger("servehttp.api")


class Endpoint:
    """Where one plugin reaches the API.

    Args:
        call: what its calls are made with.
        listening: where it is called.
        target: as gRPC names that.
        token: what calls have to bring; empty for nothing.
        message_size: bytes that a message may have.
        serve: answers HTTP requests of the plugin's; None where it can make none.

    Attributes:
        target: for MATTERMOST_PLUGIN_API_TARGET.
        token: for MATTERMOST_PLUGIN_API_TOKEN.
    """

    def __init__(
        self,
        call: ApiCall,
        listening: socket.socket,
        target: str,
        token: str,
        message_size: int,
        serve: Serve | None = None,
    ) -> None:
        self.target = target
        self.token = token
        self._call = call
        answers = answers_of(call)
        self._calls = CallServer(answers, message_size)
        methods = {path: _guarded(unary(answer, message_size), token) for path, answer in answers.items()}
        alone = {} if token else {CONNECT: self._calls.direct.connection}
        self._http = TunnelServicer(serve) if serve is not None and not token else None
        if self._http is not None:
            alone[TUNNEL] = self._http.direct.connection
        self._server = Server(methods, alone, Limits(max_message=message_size))
        self._server.listen([listening])

    @classmethod
    async def on_socket(
        cls,
        workspace: Workspace,
        plugin_id: str,
        folder: Path,
        message_size: int = DEFAULT_MESSAGE_SIZE,
        replica: int | None = None,
        serve: Serve | None = None,
    ) -> Endpoint:
        """Serve at a socket in a folder, which nobody else may enter from then on.

        Raises:
            OSError: the folder cannot be made, or is not ours, or the socket's path is too long.
        """
        _make_private(folder)
        path = folder / SOCKET
        call = ApiCall(workspace, plugin_id, replica)
        return cls(call, listen_at(path), f"unix:{path}", "", message_size, serve)

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
            OSError: there is none.
        """
        listening = socket.create_server((LOOPBACK, 0))
        target = f"{LOOPBACK}:{listening.getsockname()[1]}"
        return cls(ApiCall(workspace, plugin_id, replica), listening, target, secrets.token_urlsafe(), message_size)

    def retire(self) -> None:
        """Another version has taken the plugin's place: what this one offered, and takes back now, is that one's."""
        self._call.retired = True

    async def close(self) -> None:
        """Take no more calls; those that run have a second."""
        await asyncio.gather(self._server.stop(STOP_GRACE), self._calls.close(STOP_GRACE))
        if self._http is not None:
            await self._http.close()
        await self._server.close()
        if self.target.startswith(UNIX):
            unlink_socket(Path(self.target.removeprefix(UNIX)))


def answers_of(call: ApiCall) -> dict[str, Answer]:
    """What answers each rpc for one that calls, by its path."""
    return {path_of(rpc): answering(_answer(rpc, call), _request_class(rpc)) for rpc in RPCS}


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # it may have been there


def _guarded(method: Method, token: str) -> Method:
    """Refuses calls that do not bring the token."""
    if not token:
        return method
    wanted = f"Bearer {token}".encode()

    def serve(call: GrpcCall) -> Service:
        given = dict(call.fields).get(b"authorization", b"")
        if hmac.compare_digest(given, wanted):
            return method(call)
        call.finish(Status.UNAUTHENTICATED, "the token is missing or wrong")
        return NOTHING

    return serve


def _answer(rpc: str, call: ApiCall) -> Callable[[Message, CallContext], Awaitable[Message]]:
    """What answers an rpc, whichever way it is called; it raises CallFailed for a status."""
    handler, responder = HANDLERS.get(rpc) or _not_served(rpc), RESPONDERS[rpc]

    async def answer(request: Message, context: CallContext) -> Message:
        began, outcome = time.perf_counter(), "failed"
        try:
            with around(f"api {rpc}", Kind.CALLED) as span:
                span.note(servehttp_plugin__id=call.plugin_id)
                response = responder.result(await handler(call, request))
            outcome = "answered"
            return response
        except AppFailure as failure:
            outcome = "refused"
            return responder.failure(failure)
        except StoreUnavailable as error:
            logger.warning("plugin API call not served", rpc=rpc, reason=str(error), **call.label, **of_request())
            raise CallFailed(Status.UNAVAILABLE, DATABASE_AWAY) from None
        except Exception:
            logger.exception("plugin API call failed", rpc=rpc, **call.label, **of_request())
            return responder.failure(_internal_failure(rpc))
        finally:
            seconds = time.perf_counter() - began
            call.workspace.figures.observe(API_CALLS, (call.plugin_id, rpc, outcome), seconds)

    return answer


def _request_class(rpc: str) -> type[Message]:
    return GetMessageClass(RPCS[rpc].input_type)


def _not_served(rpc: str) -> Handler:
    async def refuse(call: ApiCall, request: Message) -> Never:
        raise not_implemented(rpc)

    return refuse


def _internal_failure(rpc: str) -> AppFailure:
    return AppFailure("plugin_api.internal.app_error", "The host failed; its log says why.", 500, where=rpc)
