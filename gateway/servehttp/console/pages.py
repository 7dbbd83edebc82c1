"""The pages of the console, below /console/, and what their forms do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from servehttp.console.api import MOST_REQUESTS, PREFIX, last_records, log_filter
from servehttp.console.charts import Line, line
from servehttp.console.doors import COOKIE, COOKIE_PATHS, cookie
from servehttp.console.overview import Values, plugins_by_need
from servehttp.console.problems import Problem, no_such, not_here
from servehttp.console.rendering import HEADERS, render
from servehttp.console.routes import Call, ConsoleRoute, Who
from servehttp.console.settings_form import changes, fields
from servehttp.plugins.host import LOGIN_PATH
from servehttp.recent_records import LEVELS
from servehttp.requests_seen import SeenRequest

AT_ONCE = 4.0
"""Seconds for which a page waits for what it has begun; after that it goes on, and the next page shows how it is."""
LONGEST_TICKET = 200
SHOWN_SLOWEST = 5
PAGE = 60
"""Users on one page."""
TOLD = {
    "restart": "It was started anew.",
    "restarting": "It is being started anew.",
    "reset": "It was started again.",
    "resetting": "It is being started again.",
    "enable": "It was enabled, and runs.",
    "enabling": "It was enabled, and starts.",
    "disable": "It was disabled.",
    "disabling": "It was disabled, and stops.",
    "remove": "The plugin was removed.",
    "removing": "The plugin is being removed.",
    "settings": "The settings were stored.",
    "unchanged": "Nothing was changed.",
    "install": "The bundle was installed.",
    "session": "The session was ended.",
    "sessions": "All sessions of this user were ended.",
    "token": "The token was deleted.",
}
"""What a page tells that follows a form, by a word in its address."""
ONGOING = {
    "restart": "restarting",
    "reset": "resetting",
    "enable": "enabling",
    "disable": "disabling",
    "remove": "removing",
}


async def root_page(call: Call) -> Response:
    """Leads to the list of plugins."""
    return RedirectResponse(f"{call.root}/console/", HTTPStatus.PERMANENT_REDIRECT, HEADERS)


async def plugins_page(call: Call) -> Response:
    """The plugins, those first that somebody has to look at."""
    overview = await call.console.overview.gateway()
    plugins = plugins_by_need(overview["plugins"])
    lines = {plugin["id"]: _lines(call, plugin["id"]) for plugin in plugins}
    return _page(call, "plugins.html", overview=overview, plugins=plugins, lines=lines, slowest=_slowest(plugins))


async def plugin_page(call: Call) -> Response:
    """One plugin: how it is, why, and what can be done."""
    return await _plugin(call)


async def plugin_action(call: Call) -> Response:
    """Restart, reset, enable, disable or remove a plugin; a page that waited long enough shows how it goes on."""
    plugin_id, action = call.path("plugin_id"), call.path("action")
    if action not in ONGOING:
        raise not_here()
    if action == "remove" and call.form.get("sure") != "yes":
        return await _plugin(call, 400, "Tick the box if the plugin is really to be removed.")
    try:
        done = await _at_once(_act(call, plugin_id, action))
    except Problem as problem:
        return await _plugin(call, problem.status, problem.message)
    told = action if done else ONGOING[action]
    if action == "remove":
        return _next(call, "", told)
    return _next(call, f"plugins/{quote(plugin_id, safe='')}", told)


async def plugin_settings(call: Call) -> Response:
    """Store what has changed of a plugin's settings."""
    plugin_id = call.path("plugin_id")
    call.console.overview.handle(plugin_id)
    path = f"/plugins/{quote(plugin_id, safe='')}/settings"
    try:
        changed = changes(await call.inside().get(path), call.form)
        if changed:
            await call.console.actions.by_workspace(call.inside(), "PUT", f"{path}/patch", changed)
    except Problem as problem:
        return await _plugin(call, problem.status, f"The settings were not stored. {problem.message}")
    return _next(call, f"plugins/{quote(plugin_id, safe='')}", "settings" if changed else "unchanged")


async def requests_page(call: Call) -> Response:
    """The requests that are open, and those that waited longest."""
    if wanted := call.query("id").strip():
        return RedirectResponse(
            f"{call.root}/console/requests/{quote(wanted[:200], safe='')}", HTTPStatus.SEE_OTHER, HEADERS
        )
    seen = await call.console.witness.requests(MOST_REQUESTS)
    return _page(call, "requests.html", seen=seen)


async def request_page(call: Call) -> Response:
    """What is known of one request."""
    request_id = call.path("request_id")
    trail = await call.console.trail(request_id)
    return _page(call, "request.html", 200 if trail else 404, request_id=request_id, trail=trail)


async def logs_page(call: Call) -> Response:
    """The last records of the log; the script has them followed by those that come."""
    plugin, level, limit = log_filter(call)
    records = last_records(plugin, level, limit)
    query = urlencode({"plugin": plugin, "level": level, "after": records[-1].number if records else ""})
    ids = [each.id for each in call.console.gateway.registry]
    return _page(
        call,
        "logs.html",
        records=records,
        plugin=plugin,
        level=level,
        levels=LEVELS,
        plugin_ids=ids,
        events=f"{call.root}{PREFIX}/logs/events?{query}",
    )


async def hooks_page(call: Call) -> Response:
    """The hooks that were asked of plugins."""
    return _page(call, "hooks.html", hooks=call.console.overview.hooks())


async def install_page(call: Call) -> Response:
    """Where a bundle is uploaded, by the script, to the workspace's API."""
    call.inside()
    return _page(call, "install.html")


async def workspace_page(call: Call) -> Response:
    """The workspace's users, a page of them, and its sizes."""
    inside = call.inside()
    number = call.query("page") or "0"
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    users = await inside.get("/users", urlencode({"page": page, "per_page": PAGE}))
    sizes = await inside.get("/analytics/old", "name=standard")
    return _page(call, "workspace.html", users=users, sizes=sizes, page=page, is_last=len(users) < PAGE)


async def user_page(call: Call) -> Response:
    """One user's sessions and tokens."""
    return await _user(call)


async def user_action(call: Call) -> Response:
    """End a user's session, or all of them, or delete one of their tokens."""
    user_id, what, of = call.path("user_id"), call.path("what"), call.form.get("id", "")
    asked: dict[str, tuple[str, object]] = {
        "session": (f"/users/{quote(user_id, safe='')}/sessions/revoke", {"session_id": of}),
        "sessions": (f"/users/{quote(user_id, safe='')}/sessions/revoke/all", None),
        "token": ("/users/tokens/revoke", {"token_id": of}),
    }
    if what not in asked:
        raise not_here()
    try:
        await call.console.actions.by_workspace(call.inside(), "POST", *asked[what])
    except Problem as problem:
        return await _user(call, problem.status, problem.message)
    return _next(call, f"workspace/users/{quote(user_id, safe='')}", what)


async def sign_in_page(call: Call) -> Response:
    """Where the link leads that is in the log: its ticket signs in once the form is sent."""
    if call.console.tickets is None:
        return _to_login(call, f"{call.root}/console/")
    return render(call, "signin.html", ticket=call.query("ticket")[:LONGEST_TICKET])


async def sign_in(call: Call) -> Response:
    """Begin a session by a ticket."""
    tickets = call.console.tickets
    if tickets is None:
        raise not_here()
    session = tickets.redeem(call.form.get("ticket", "").strip()[:LONGEST_TICKET])
    if session is None:
        text = "This ticket is not, or no longer, the one in the gateway's log. Each is good for one sign-in."
        return render(call, "signin.html", 401, ticket="", alert=text)
    call.console.tell_link()
    response = RedirectResponse(f"{call.root}/console/", HTTPStatus.SEE_OTHER, HEADERS)
    secure = call.request.url.scheme == "https"
    for path in COOKIE_PATHS:
        response.set_cookie(
            COOKIE, session.secret, path=call.root + path, secure=secure, httponly=True, samesite="strict"
        )
    return response


async def sign_out(call: Call) -> Response:
    """End the session."""
    response = RedirectResponse(f"{call.root}/console/", HTTPStatus.SEE_OTHER, HEADERS)
    if call.console.tickets is not None:
        call.console.tickets.end(cookie(call.request))
        for path in COOKIE_PATHS:
            response.delete_cookie(COOKIE, path=call.root + path)
        return response
    answer = await call.inside().ask("POST", "/users/logout")
    response.raw_headers.extend((name, value) for name, value in answer.headers if name == b"set-cookie")
    return response


def tell(call: Call, problem: Problem) -> Response:
    """Why something cannot be done, as a page; who is not signed in is led to where one does."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        if call.console.tickets is None:
            return _to_login(call, _address(call))
        return render(call, "signin.html", problem.status, ticket="", alert="")
    return render(call, "problem.html", problem.status, problem=problem)


def _address(call: Call) -> str:
    """The address of a page, to come back to; of a form the list of plugins."""
    url = call.request.url
    if call.request.method != "GET":
        return f"{call.root}/console/"
    return f"{url.path}?{url.query}" if url.query else url.path


def _to_login(call: Call, back: str) -> Response:
    login = f"{call.root}{LOGIN_PATH}?{urlencode({'redirect_to': back})}"
    return RedirectResponse(login, HTTPStatus.SEE_OTHER, HEADERS)


def _page(call: Call, template: str, status: int = 200, alert: str = "", **values: Any) -> Response:
    told = TOLD.get(call.query("told"), "") if not alert else ""
    return render(call, template, status, alert=alert, told=told, **values)


def _next(call: Call, path: str, told: str) -> Response:
    """The page after a form, which tells what was done."""
    return RedirectResponse(f"{call.root}/console/{path}?told={told}", HTTPStatus.SEE_OTHER, HEADERS)


async def _act(call: Call, plugin_id: str, action: str) -> None:
    actions, path = call.console.actions, f"/plugins/{quote(plugin_id, safe='')}"
    if action == "restart":
        await actions.restart(plugin_id, call.workspace)
    elif action == "reset":
        await actions.reset(plugin_id, call.workspace)
    elif action == "remove":
        await actions.by_workspace(call.inside(), "DELETE", path)
    else:
        await actions.by_workspace(call.inside(), "POST", f"{path}/{action}")


async def _at_once(work: Awaitable[None]) -> bool:
    """Wait for something for a while; whether it is done. It goes on to its end either way."""
    try:
        async with asyncio.timeout(AT_ONCE):
            await work
    except TimeoutError:
        return False
    return True


async def _plugin(call: Call, status: int = 200, alert: str = "") -> Response:
    plugin_id = call.path("plugin_id")
    plugin = await call.console.overview.plugin(plugin_id)
    seen = await call.console.witness.requests(MOST_REQUESTS)
    about: Values | None = None
    settings: list[Any] = []
    if call.console.gateway.host is not None:
        path = f"/plugins/{quote(plugin_id, safe='')}"
        about = await call.inside().get(f"{path}/status")
        settings = fields(await call.inside().get(f"{path}/settings"))
    return _page(
        call,
        "plugin.html",
        status,
        alert,
        plugin=plugin,
        about=about,
        settings=settings,
        lines=_lines(call, plugin_id),
        open=_of(plugin_id, seen.open),
        slowest=_of(plugin_id, seen.slowest)[:SHOWN_SLOWEST],
        hooks=[hook for hook in call.console.overview.hooks() if hook["plugin"] == plugin_id],
        failures=_failures(plugin),
    )


async def _user(call: Call, status: int = 200, alert: str = "") -> Response:
    user_id = quote(call.path("user_id"), safe="")
    inside = call.inside()
    user = await inside.get(f"/users/{user_id}")
    if not isinstance(user, dict):
        raise no_such("user")
    sessions = await inside.get(f"/users/{user_id}/sessions")
    tokens = await inside.get(f"/users/{user_id}/tokens")
    return _page(call, "user.html", status, alert, user=user, sessions=sessions, tokens=tokens)


def _lines(call: Call, plugin_id: str) -> dict[str, Line]:
    """The last hour of a plugin, by what the lines are of."""
    stretches = call.console.overview.stretches(plugin_id)
    now = stretches[-1].time if stretches else 0.0
    return {
        "rate": line(stretches, lambda each: each.per_second, now),
        "errors": line(stretches, lambda each: each.errors_per_second, now),
        "p99": line(stretches, lambda each: each.p99, now),
        "in_flight": line(stretches, lambda each: each.in_flight, now),
        "memory": line(stretches, lambda each: each.memory, now),
        "cpu": line(stretches, lambda each: each.cpu, now),
    }


def _of(plugin_id: str, requests: Any) -> list[SeenRequest]:
    return [request for request in requests if request.plugin == plugin_id]


def _failures(plugin: Values) -> list[Values]:
    """Those of all its replicas, the last one first."""
    found = [failure | {"replica": each["replica"]} for each in plugin["replicas"] for failure in each["failures"]]
    return sorted(found, key=lambda failure: -failure["time"])


def _slowest(plugins: list[Values]) -> str:
    """The id of the plugin that was slowest in the last five minutes, where there are several; else empty."""
    known = [(p99, plugin["id"]) for plugin in plugins if (p99 := plugin["last_5_minutes"]["p99"])]
    return max(known)[1] if len(known) > 1 else ""


def _route(method: str, path: str, handler: Any, who: Who = Who.VISITOR) -> ConsoleRoute:
    return ConsoleRoute(method, f"/console{path}", handler, tell, who)


ROUTES = (
    _route("GET", "", root_page),
    _route("GET", "/", plugins_page),
    _route("GET", "/plugins/{plugin_id}", plugin_page),
    _route("POST", "/plugins/{plugin_id}/settings", plugin_settings),
    _route("POST", "/plugins/{plugin_id}/{action}", plugin_action),
    _route("GET", "/requests", requests_page),
    _route("GET", "/requests/{request_id}", request_page),
    _route("GET", "/logs", logs_page),
    _route("GET", "/hooks", hooks_page),
    _route("GET", "/install", install_page),
    _route("GET", "/workspace", workspace_page),
    _route("GET", "/workspace/users/{user_id}", user_page),
    _route("POST", "/workspace/users/{user_id}/{what}", user_action),
    _route("GET", "/signin", sign_in_page, Who.ANYBODY),
    _route("POST", "/signin", sign_in, Who.ANYBODY),
    _route("POST", "/signout", sign_out),
)
