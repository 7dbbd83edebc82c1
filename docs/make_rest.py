"""Writes docs/rest.md from the routes; with --check it only compares.

Usage: python docs/make_rest.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from servehttp.console import api
from servehttp.console.routes import ConsoleRoute
from servehttp.workspace.rest.application import MODULES
from servehttp.workspace.rest.routes import PREFIX, RestRoute

PAGE = Path(__file__).with_name("rest.md")

INTRODUCTION = """\
<!-- Made by docs/make_rest.py from gateway/servehttp/workspace/rest/handlers; do not edit. -->

# The REST API of the host

The embedded workspace serves so much of Mattermost's REST API, version 4, that its clients can drive it: {count} routes
below `{prefix}`. Paths, JSON, error ids and permissions are Mattermost's. Whatever is not in the table is a 404.

Requests show who sends them by `Authorization: Bearer TOKEN` (of a login, or a personal access token), by the cookie
`MMAUTHTOKEN`, or by `access_token` in the query; the first of them counts. With the cookie, anything but reading needs
the header `X-CSRF-Token` with the value of the cookie `MMCSRF`. A login sets cookies if the request has the header
`X-Requested-With: XMLHttpRequest`; its answer has the token in the header `Token` in any case.

An error is `{{"id", "message", "detailed_error", "request_id", "status_code"}}`. A plugin that refuses a post, a file
or a login is quoted in `message`, with status 400. Pages have at most 200 entries. The limits of bodies are settings
(`rest.*`, `workspace.max_file_size`). `detailed_error` is always empty: details are in the log, by the request's id.

Of who may use a route each table says which permission is needed, and where it has to hold. It is checked before
anything else is done: without a login the answer is 401, without the permission 403. What only the body can tell comes
in words behind it. `public` means that nobody has to be logged in.

## The WebSocket

`{prefix}/websocket` tells of events: `{{"event", "data", "broadcast", "seq"}}`, the first of which is `hello`. Who does
not come with a token or a cookie sends `{{"seq": 1, "action": "authentication_challenge", "data": {{"token": …}}}}`
first. A cookie does not count when a page of another site sends it. Models in `data` are texts of JSON, as in
Mattermost. Actions are `ping`, `user_typing`, `user_update_active_status`, `get_statuses`, `get_statuses_by_ids`, and
for plugins any that begins with `custom_`; each gets an answer with `seq_reply`, but for those of plugins. Plugins hear
of connections and messages by `OnWebSocketConnect`, `OnWebSocketDisconnect` and `WebSocketMessageHasBeenPosted`.

Close codes: 1008, nobody is logged in, or no longer; 1009, a message was too large; 1013, the client did not keep up.
There is no taking up again where a connection broke: a new one has a new id and begins with `seq` 0.
"""

SECTION = """
## {title}

| method | path | what it does | who may |
|---|---|---|---|
"""


OF_GATEWAY = """
## The gateway itself

Where there is [the console](operating.md#the-console), an API of the gateway's own is beside it, below `{prefix}`,
with a workspace or without. With one it takes its tokens and cookies, as above, of administrators. Without one
`POST /sessions` gives a bearer token for the ticket in the console's link: `{{"ticket": …}}` for `{{"token": …}}`. An
error is `{{"error": {{"status", "message"}}}}`. Times are seconds since 1970, those of records and printed lines
milliseconds; durations are seconds. Figures are those of [the metrics](operating.md#metrics): `totals` since the
gateway's start, `last_minute` and `last_5_minutes` from one look to another.

| method | path | what it does | who may |
|---|---|---|---|
"""


def page() -> str:
    """The whole text."""
    count = sum(len(module.ROUTES) for module in MODULES)
    of_workspace = "".join(text for module in MODULES for text in _section(module))
    of_gateway = OF_GATEWAY.format(prefix=api.PREFIX) + "".join(map(_own_row, api.ROUTES))
    return INTRODUCTION.format(count=count, prefix=PREFIX) + of_workspace + of_gateway


def _own_row(route: ConsoleRoute) -> str:
    path = route.path.removeprefix(api.PREFIX)
    return f"| {route.method} | `{path}` | {_first_line(route.handler)} | {route.who} |\n"


def _section(module: ModuleType) -> Iterator[str]:
    yield SECTION.format(title=_first_line(module).rstrip("."))
    yield from map(_row, module.ROUTES)


def _row(route: RestRoute) -> str:
    return f"| {route.method} | `{route.path}` | {_first_line(route.handler)} | {route.access} |\n"


def _first_line(described: object) -> str:
    return (described.__doc__ or "").strip().partition("\n")[0]


def main() -> None:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/rest.md is not what the routes say: run python docs/make_rest.py")


if __name__ == "__main__":
    main()
