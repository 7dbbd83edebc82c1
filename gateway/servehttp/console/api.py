"""The API of the gateway itself, below /api/servehttp/v1, in JSON; what a workspace has is in /api/v4."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from servehttp.console.doors import TicketDoor
from servehttp.console.problems import Problem, no_such, not_here, not_signed_in
from servehttp.console.routes import SAFE, Call, ConsoleRoute, Who
from servehttp.logs import RECENT
from servehttp.openapi import JSON, Operation, document
from servehttp.recent_records import LEVELS, LogRecord, is_wanted
from servehttp.tail import Missed, TooManyReaders
from servehttp.tasks import task_kinds

PREFIX = "/api/servehttp/v1"
MOST_REQUESTS = 100
"""Of each kind, that are told at once."""
MOST_RECORDS = 2000
KEEP_ALIVE = 5.0
"""Seconds after which who follows the log is sent a comment, by which a lost client is noticed."""
STILL = 15.0
"""Seconds after which it is looked whether who follows the log still may."""
EVENT_STREAM = "text/event-stream"
LOG_QUERY = {
    "plugin": {"type": "string"},
    "level": {"type": "string", "enum": LEVELS},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_RECORDS, "default": 200},
}
AFTER_QUERY = LOG_QUERY | {"after": {"type": "integer", "minimum": 0}}
ARRAY = {"type": "array", "items": {"type": "object"}}
TICKET = {"type": "object", "required": ["ticket"], "properties": {"ticket": {"type": "string"}}}
SECURITY = {"bearer": {"type": "http", "scheme": "bearer"}}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def get_overview(call: Call) -> Response:
    """The gateway: its version, build, connections and memory, and each plugin as the route below tells of it."""
    return _json(await call.console.overview.gateway())


async def get_plugin(call: Call) -> Response:
    """One plugin: its state, since when and why, replicas, restarts, what it has printed last, rates and totals."""
    return _json(await call.console.overview.plugin(call.path("plugin_id")))


async def get_history(call: Call) -> Response:
    """A plugin's last hour: rates, quantiles, memory and CPU from each sample to the next."""
    return _json(call.console.overview.history(call.path("plugin_id")))


async def restart_plugin(call: Call) -> Response:
    """Start a plugin anew, one replica after the other; answers when all have had their turn."""
    await call.console.actions.restart(call.path("plugin_id"), call.workspace)
    return _json({"status": "OK"})


async def reset_plugin(call: Call) -> Response:
    """Start again what of a plugin was given up; answers when it runs."""
    await call.console.actions.reset(call.path("plugin_id"), call.workspace)
    return _json({"status": "OK"})


async def get_requests(call: Call) -> Response:
    """The requests that are open, oldest first, and those of the last minutes that waited longest for a response."""
    seen = await call.console.witness.requests(MOST_REQUESTS)
    return _json({"open": [asdict(each) for each in seen.open], "slowest": [asdict(each) for each in seen.slowest]})


async def get_request(call: Call) -> Response:
    """What is known of a request by its id: where it is or was seen, its line of the access log, and other records."""
    found = await call.console.trail(call.path("request_id"))
    if found is None:
        raise no_such("request among those that are remembered")
    return _json(found)


async def get_logs(call: Call) -> Response:
    """The last records of the log: at most `limit`, of the `plugin` and of the `level` or a higher one."""
    plugin, level, limit = log_filter(call)
    return _json([asdict(record) for record in last_records(plugin, level, limit)])


async def follow_logs(call: Call) -> Response:
    """The same as server-sent events, and those that follow, until the client goes; `after` is the last one's id."""
    plugin, level, limit = log_filter(call)
    try:
        RECENT.check_room()
    except TooManyReaders as error:
        raise Problem(429, f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    after = call.request.headers.get("last-event-id") or call.query("after")
    kept = RECENT.last(limit)
    place = int(after) + 1 if after.isascii() and after.isdigit() and len(after) < 20 else None
    if place is None:
        place = kept[0].number if kept else 0
    events = _events(call, place, plugin, level)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=HEADERS | {"X-Accel-Buffering": "no"})


async def get_hooks(call: Call) -> Response:
    """The hooks that were asked of plugins, by outcome: how often, and how long that took."""
    return _json(call.console.overview.hooks())


async def get_tasks(call: Call) -> Response:
    """The tasks of the gateway's main process, those that are alike as one: how many, and where they wait."""
    return _json([asdict(kind) for kind in task_kinds()])


async def sign_in(call: Call) -> Response:
    """Begin a session with the ticket of the console's link, where there is no workspace; `token` is its secret."""
    tickets = call.console.tickets
    if not isinstance(call.console.door, TicketDoor) or tickets is None:
        raise not_here()
    try:
        given = json.loads(call.body)
    except (ValueError, RecursionError):
        given = None
    ticket = given.get("ticket") if isinstance(given, Mapping) else None
    session = tickets.redeem(ticket) if isinstance(ticket, str) else None
    if session is None:
        raise Problem(401, "This ticket is not, or no longer, the one that is shown in the gateway's log.")
    call.console.tell_link()
    return _json({"token": session.secret}, 201)


def last_records(plugin: str, level: str, limit: int) -> list[LogRecord]:
    """The last records of a plugin, or of all if that is empty, and of a level or a higher one, oldest first."""
    wanted = [record for record in RECENT.last(MOST_RECORDS) if is_wanted(record, plugin, level)]
    return wanted[-limit:]


def log_filter(call: Call) -> tuple[str, str, int]:
    """Which records are wanted: of a plugin, of a level or a higher one, and how many.

    Raises:
        Problem: 400.
    """
    plugin, level, limit = call.query("plugin"), call.query("level") or LEVELS[0], call.query("limit") or "200"
    if level not in LEVELS:
        raise Problem(400, f"`level` is one of {', '.join(LEVELS)}.")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 0 < int(limit) <= MOST_RECORDS):
        raise Problem(400, f"`limit` is a number from 1 to {MOST_RECORDS}.")
    return plugin, level, int(limit)


async def _events(call: Call, place: int, plugin: str, level: str) -> AsyncIterator[str]:
    """The records, until the gateway stops, or who asked may no longer see them."""
    checked = time.monotonic()
    with RECENT.reader():
        yield "retry: 2000\n\n"
        async for batch in call.console.until_stop(RECENT.follow_from(place, KEEP_ALIVE)):
            if time.monotonic() - checked >= STILL:
                if not await _still_may(call.console, call.request):
                    return
                checked = time.monotonic()
            yield "".join(_event(each, plugin, level) for each in batch) or ": \n\n"


def _event(each: LogRecord | Missed, plugin: str, level: str) -> str:
    if isinstance(each, Missed):
        return f"event: missed\ndata: {each.missed}\n\n"
    if not is_wanted(each, plugin, level):
        return ""
    return f"id: {each.number}\ndata: {json.dumps(asdict(each))}\n\n"


async def _still_may(console: Any, request: Request) -> bool:
    try:
        return await console.door.visitor(request) is not None
    except Problem:
        return False


def _json(value: object, status: int = 200) -> Response:
    return JSONResponse(value, status, HEADERS)


def tell(call: Call, problem: Problem) -> Response:
    """Why something cannot be done, as the gateway's own answers tell it."""
    error: dict[str, object] = {"status": problem.status, "message": problem.message}
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == not_signed_in().status else {}
    return JSONResponse({"error": error}, problem.status, HEADERS | headers)


async def get_description(call: Call) -> Response:
    """This API as an OpenAPI document."""
    return _json(description())


def description() -> dict[str, object]:
    """The OpenAPI document of the routes."""
    error = {"type": "object", "properties": {"error": {"type": "object", "required": ["status", "message"]}}}
    return document("The gateway itself", version("servehttp"), map(_operation, ROUTES), error, SECURITY)


def _operation(route: ConsoleRoute) -> Operation:
    told = (route.handler.__doc__ or "").strip()
    return Operation(
        route.method,
        route.path,
        route.handler.__name__,
        f"{told} For {route.who.value}.",
        query=route.query,
        content={route.media: route.schema},
        body={} if route.body is None else {JSON: route.body},
        status=route.status,
        refusals=_refusals(route),
        open=route.who is Who.ANYBODY,
    )


def _refusals(route: ConsoleRoute) -> tuple[int, ...]:
    """Those of its own, and those that are told before its handler runs."""
    found = {*route.refusals, 500}
    if route.who is Who.VISITOR:
        found |= {401, 403, 503}  # that cannot be told while the database is away
    if route.method not in SAFE:
        found |= {400, 403, 413}
    return tuple(found)


def _route(method: str, path: str, handler: Any, who: Who = Who.VISITOR, **more: Any) -> ConsoleRoute:
    return ConsoleRoute(method, PREFIX + path, handler, tell, who, **more)


ROUTES = (
    _route("GET", "/overview", get_overview),
    _route("GET", "/plugins/{plugin_id}", get_plugin, refusals=(404,)),
    _route("GET", "/plugins/{plugin_id}/history", get_history, refusals=(404,), schema=ARRAY),
    _route("POST", "/plugins/{plugin_id}/restart", restart_plugin, refusals=(404,)),
    _route("POST", "/plugins/{plugin_id}/reset", reset_plugin, refusals=(404,)),
    _route("GET", "/requests", get_requests),
    _route("GET", "/requests/{request_id}", get_request, refusals=(404,)),
    _route("GET", "/logs", get_logs, query=LOG_QUERY, refusals=(400,), schema=ARRAY),
    _route(
        "GET",
        "/logs/events",
        follow_logs,
        query=AFTER_QUERY,
        refusals=(400, 429),
        media=EVENT_STREAM,
        schema={"type": "string"},
    ),
    _route("GET", "/hooks", get_hooks, schema=ARRAY),
    _route("GET", "/tasks", get_tasks, schema=ARRAY),
    _route("POST", "/sessions", sign_in, Who.ANYBODY, body=TICKET, status=201, refusals=(401, 404)),
    _route("GET", "/openapi.json", get_description),
)
