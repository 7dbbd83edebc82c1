"""How a handler becomes a route: it takes a call, and what it returns is the answer's JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import structlog
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mattermost_plugin.models import PluginContext, Session
from mattermost_plugin.request_id import request_id_of
from servehttp.logs import of_request
from servehttp.workspace.domains.base.domain import REQUEST
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.access import Access
from servehttp.workspace.rest.access_lines import note
from servehttp.workspace.rest.auth import authenticate
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.errors import INTERNAL, error_response, unavailable_response
from servehttp.workspace.rest.json import to_json
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

Handler: TypeAlias = Callable[[RestCall], Awaitable[Any]]

PREFIX = "/api/v4"

logger = structlog.get_logger("servehttp.rest")


@dataclass(frozen=True)
class RestRoute:
    """What is served at one address, by one method.

    Attributes:
        method: GET, POST, PUT or DELETE.
        path: below the prefix, with names in braces.
        handler: returns a model, a list or dict with models, or a `Response`; its docstring says what it does.
        access: who may; checked before the handler runs.
        status: of an answer that is no `Response`.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    status: int = 200

    def bound(self, workspace: Workspace, settings: RestSettings) -> Route:
        """The route of one application."""

        async def endpoint(request: Request) -> Response:
            context = request_context(request)
            note(request.scope, route=PREFIX + self.path)
            token = REQUEST.set(context)
            try:
                return await self._answer(workspace, settings, request)
            except AppFailure as failure:
                self._log(failure, context.request_id)
                return error_response(failure, context.request_id)
            except StoreUnavailable as error:
                route = f"{self.method} {self.path}"
                logger.warning("REST request not served", route=route, reason=str(error), **of_request())
                return unavailable_response(context.request_id)
            except ClientDisconnect:
                return Response(status_code=499)  # which nobody reads
            except Exception:
                logger.exception("REST request failed", route=f"{self.method} {self.path}", **of_request())
                return error_response(INTERNAL, context.request_id)
            finally:
                REQUEST.reset(token)

        return Route(PREFIX + self.path, endpoint, methods=[self.method])

    def _log(self, failure: AppFailure, request_id: str) -> None:
        if failure.detail:
            route = f"{self.method} {self.path}"
            logger.info(
                "REST request refused", route=route, request_id=request_id, id=failure.id, detail=failure.detail
            )

    async def _answer(self, workspace: Workspace, settings: RestSettings, request: Request) -> Response:
        session = await self._session(workspace, request)
        if session is not None:
            REQUEST.set(of_session(REQUEST.get(), session))
            note(request.scope, user=session.user_id)
        call = RestCall(workspace, settings, request, session)
        await self.access.check(call)
        answer = await self.handler(call)
        return answer if isinstance(answer, Response) else JSONResponse(to_json(answer), self.status)

    async def _session(self, workspace: Workspace, request: Request) -> Session | None:
        try:
            return await authenticate(workspace, request)
        except AppFailure:
            if self.access.public:
                return None
            raise


def request_context(connection: HTTPConnection) -> PluginContext:
    """What hooks are told of a request, before it is known whose it is."""
    return PluginContext(
        request_id=request_id_of(connection.scope),
        ip_address=connection.client.host if connection.client else "",
        accept_language=connection.headers.get("Accept-Language", ""),
        user_agent=connection.headers.get("User-Agent", ""),
    )


def of_session(context: PluginContext, session: Session) -> PluginContext:
    """What hooks are told of a request whose session is known."""
    return replace(context, session_id=session.id)
