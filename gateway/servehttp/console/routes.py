"""How a handler becomes a route: who may is data beside it, and is checked before it runs."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from servehttp.console.doors import Visitor
from servehttp.console.inside import Inside
from servehttp.console.problems import Problem, forged, not_here, not_signed_in
from servehttp.identity import is_same_origin

if TYPE_CHECKING:
    from servehttp.console.console import Console

SAFE = frozenset(("GET", "HEAD"))
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
OBJECT: Mapping[str, object] = {"type": "object"}
LARGEST_BODY = 1024 * 1024
"""Bytes of what is sent to a route; bundles go to the workspace's own."""
MOST_FIELDS = 2000
FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger("servehttp.console")


class Who(StrEnum):
    """Who may use a route, in words."""

    ANYBODY = "anybody"
    VISITOR = "administrators of the workspace; without one, who has signed in by the console's link"


@dataclass(frozen=True)
class Call:
    """One request to a route.

    Attributes:
        console: which console.
        request: as it came in.
        visitor: who sends it; None of somebody who is not signed in, where anybody may.
        body: the whole body.
        form: its fields, where it is a form; of several of one name the last.
    """

    console: Console
    request: Request
    visitor: Visitor | None
    body: bytes
    form: Mapping[str, str]

    @property
    def root(self) -> str:
        """The prefix of addresses, where the gateway has one."""
        root: str = self.request.scope.get("root_path", "")
        return root

    @property
    def csrf(self) -> str:
        """What has to come along with what changes something."""
        return "" if self.visitor is None else self.visitor.csrf

    def path(self, name: str) -> str:
        """A part of the address."""
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, default)

    def inside(self) -> Inside:
        """The workspace's API, for who sends this.

        Raises:
            Problem: 404, there is no workspace.
        """
        if (workspace := self.workspace) is None:
            raise not_here()
        return workspace

    @property
    def workspace(self) -> Inside | None:
        """The same; None where there is no workspace."""
        host = self.console.gateway.host
        return None if host is None else Inside(host, self.request, self.csrf)


Handler: TypeAlias = Callable[[Call], Awaitable[Response]]
Telling: TypeAlias = Callable[[Call, Problem], Response]


@dataclass(frozen=True)
class ConsoleRoute:
    """What is served at one address, by one method.

    Attributes:
        method: GET, POST or DELETE.
        path: with names in braces.
        handler: answers.
        tell: answers in its place where it cannot be done.
        who: who may.
        query: the parameters of the address that it reads, each with its JSON schema.
        refusals: the statuses by which it refuses what all of them do not.
        media: the type of what it answers with.
        schema: the JSON schema of that.
        body: the JSON schema of what it is sent; None if it takes nothing.
        status: of its answer.
    """

    method: str
    path: str
    handler: Handler
    tell: Telling
    who: Who = Who.VISITOR
    query: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    media: str = "application/json"
    schema: Mapping[str, object] = field(default_factory=lambda: OBJECT)
    body: Mapping[str, object] | None = None
    status: int = 200

    def bound(self, console: Console) -> Route:
        """The route of one console."""

        async def endpoint(request: Request) -> Response:
            call = Call(console, request, None, b"", {})
            try:
                visitor = await console.door.visitor(request) if self.who is Who.VISITOR else None
                if visitor is None and self.who is Who.VISITOR:
                    raise not_signed_in()
                call = Call(console, request, visitor, b"", {})
                if request.method not in SAFE:
                    call = await _with_body(call)
                    check_origin(request)
                    if visitor is not None and visitor.by_cookie:
                        _check_csrf(call)
                return await self.handler(call)
            except Problem as problem:
                return self.tell(call, problem)
            except ClientDisconnect:
                return Response(status_code=499)  # which nobody reads
            except Exception:
                log.exception("console failed", route=f"{self.method} {self.path}")
                return self.tell(call, Problem(500, "The console failed; the gateway's log says why."))

        return Route(self.path, endpoint, methods=[self.method])


def check_origin(request: Request) -> None:
    """Go on only if no page of another site is behind a request.

    Raises:
        Problem: 403.
    """
    if not is_same_origin(request.headers.get("origin"), request.headers.get("host", "")):
        raise forged()


async def _with_body(call: Call) -> Call:
    pieces, size = [], 0
    async for piece in call.request.stream():
        size += len(piece)
        if size > LARGEST_BODY:
            raise Problem(413, f"The body is larger than {LARGEST_BODY} bytes.")
        pieces.append(piece)
    body = b"".join(pieces)
    form = {}
    if call.request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
        except ValueError:
            raise Problem(400, "The form cannot be read.") from None
    return Call(call.console, call.request, call.visitor, body, form)


def _check_csrf(call: Call) -> None:
    given = call.request.headers.get(CSRF_HEADER) or call.form.get(CSRF_FIELD, "")
    if not call.csrf or not hmac.compare_digest(given.encode(), call.csrf.encode()):
        raise forged()
