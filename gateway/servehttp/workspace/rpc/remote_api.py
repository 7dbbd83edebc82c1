"""The plugin API for plugins on other machines: one port by TLS, where each call tells whose it is.

A plugin is known by its client certificate, one of whose DNS names is its id, or by its token. Who brings both has to
be the same by both.
"""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.listening.grpc_connection import GrpcCall, Method
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.listening.server import Server
from mattermost_plugin.listening.service import NOTHING, Service
from mattermost_plugin.listening.unary import unary
from mattermost_plugin.statuses import Status
from servehttp.workspace.rpc.call import ApiCall
from servehttp.workspace.rpc.plugin_tokens import PluginTokens
from servehttp.workspace.rpc.server import answers_of
from servehttp.workspace.rpc.table import RPCS, path_of
from servehttp.workspace.workspace import Workspace

BEARER: Final = "Bearer "
STOP_GRACE: Final = 1.0
"""Seconds that running calls have to end when it closes."""


class Stranger(Exception):
    """A call is nobody's; the text says why, for the log."""


class RemoteApi:
    """The API at one port.

    Args:
        workspace: the workspace.
        plugins: the ids of those that may call here.
        tokens: whose tokens there are; None for none.
        listening: where it is called.
        tls: what the next connection speaks TLS by; None for none, on this machine alone.
        message_size: bytes that a message may have.
    """

    def __init__(
        self,
        workspace: Workspace,
        plugins: Collection[str],
        tokens: PluginTokens | None,
        listening: socket.socket,
        tls: Callable[[], ssl.SSLContext] | None,
        message_size: int,
    ) -> None:
        self._workspace = workspace
        self._plugins = plugins
        self._tokens = tokens
        self._message_size = message_size
        self._reports = Reports()
        methods = {path_of(rpc): functools.partial(self._serve, path_of(rpc)) for rpc in RPCS}
        self._server = Server(methods, {}, Limits(max_message=message_size), tls)
        self._server.listen([listening])
        self._methods: dict[str, Mapping[str, Method]] = {}

    async def close(self) -> None:
        """Take no more calls; those that run have a second."""
        await self._server.stop(STOP_GRACE)
        await self._server.close()

    def _serve(self, path: str, call: GrpcCall) -> Service:
        try:
            plugin_id = self._caller(call)
        except Stranger as stranger:
            self._reports.tell(f"a call of the plugin API from {_peer(call)} was refused: {stranger}")
            call.finish(Status.UNAUTHENTICATED, "the gateway does not know you: see its log")
            return NOTHING
        return self._methods_of(plugin_id)[path](call)

    def _methods_of(self, plugin_id: str) -> Mapping[str, Method]:
        found = self._methods.get(plugin_id)
        if found is None:
            answers = answers_of(ApiCall(self._workspace, plugin_id, shared=True))
            found = {path: unary(answer, self._message_size) for path, answer in answers.items()}
            self._methods[plugin_id] = found
        return found

    def _caller(self, call: GrpcCall) -> str:
        """The id of the plugin that calls.

        Raises:
            Stranger: it is none, or none that may.
        """
        named, token = _names(call), _token(call)
        known = [name for name in named if name in self._plugins]
        if token:
            plugin_id = self._tokens.plugin_of(token) if self._tokens is not None else None
            if plugin_id is None:
                raise Stranger("its token is nobody's")
            if named and plugin_id not in named:
                raise Stranger(f"its token is of {plugin_id}, and its certificate of {', '.join(named)}")
        elif named:
            if len(known) != 1:
                raise Stranger(f"its certificate is of {', '.join(named)}, and so of no plugin on another machine")
            [plugin_id] = known
        else:
            raise Stranger("it shows neither a certificate nor a token")
        if plugin_id not in self._plugins:
            raise Stranger(f"{plugin_id} is no plugin on another machine, by plugins.remote or plugins.attach")
        return plugin_id


def _names(call: GrpcCall) -> list[str]:
    """The DNS names in the certificate that the client has shown, if it has."""
    secured = call.info("ssl_object")
    certificate: Mapping[str, Any] = (secured.getpeercert() or {}) if secured is not None else {}
    return [str(value).lower() for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]


def _token(call: GrpcCall) -> str:
    given = dict(call.fields).get(b"authorization", b"").decode("latin-1")
    return given.removeprefix(BEARER) if given.startswith(BEARER) else ""


def _peer(call: GrpcCall) -> str:
    peer = call.info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else "somebody"
