"""Managing plugins, and looking after them."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import IO, Any, get_args

from starlette.responses import Response, StreamingResponse

from servehttp.plugins.printed import KEPT_LINES, PrintedLine, PrintedLines
from servehttp.settings.kinds import LogLevel
from servehttp.tail import Missed, TooManyReaders
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.forms import at_most, no_file, parts
from servehttp.workspace.rest.routes import RestRoute

LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
FIELD_MAX = 1024
"""Bytes of a field that is no file."""
WRITE = "sysconsole_write_plugins"
READ = "sysconsole_read_plugins"
MANAGE = "manage_system"
"""For what plugins have said themselves, or were told: there may be secrets in it."""
HELD_MAX = 1024 * 1024
"""Bytes of a bundle that are held in memory; a larger one is a temporary file."""
LINES = 100
"""How many of a plugin's last lines are shown if nobody says."""
NDJSON = "application/x-ndjson"
KEEP_ALIVE = 5.0
"""Seconds after which who follows a plugin's output gets an empty line, by which a lost client is noticed."""


async def upload_plugin(call: RestCall) -> Any:
    """Install a plugin from the form's file `plugin`, a .tar.gz; with `force`, in place of the one that is there."""
    has_bundle, force = False, call.flag("force")
    with tempfile.SpooledTemporaryFile(HELD_MAX) as bundle:
        async for part in parts(call.request):
            if part.name == "plugin":
                has_bundle = True
                await _keep(at_most(call.settings.bundle_size, part.pieces), bundle)
            elif part.name == "force":
                force = await part.text(FIELD_MAX) == "true"
        if not has_bundle:
            raise no_file("plugin")
        return await call.workspace.plugins.install(bundle, replace=force)


async def get_plugins(call: RestCall) -> Any:
    """The plugins, those that run and those that do not."""
    active = {manifest.id for manifest in call.workspace.plugins.active()}
    found: dict[str, list[Any]] = {"active": [], "inactive": []}
    for manifest in call.workspace.plugins.all():
        found["active" if manifest.id in active else "inactive"].append(manifest)
    return found


async def get_statuses(call: RestCall) -> Any:
    """How the plugins are."""
    return [call.workspace.plugins.status(manifest.id) for manifest in call.workspace.plugins.all()]


async def get_status(call: RestCall) -> Any:
    """How one plugin is: its state, why, its restarts and its processes. Mattermost has no such route."""
    return await call.workspace.plugins.describe(call.path("plugin_id"))


async def get_logs(call: RestCall) -> Any:
    """The last `lines` that a plugin printed, one JSON object a line; with `follow`, and those that follow.

    Mattermost has no such route.
    """
    printed = call.workspace.plugins.printed(call.path("plugin_id"))
    count = min(call.number("lines", LINES), KEPT_LINES)
    if not call.flag("follow"):
        return Response("".join(_json_line(line) for line in printed.last(count)), media_type=NDJSON)
    try:
        printed.check_room()
    except TooManyReaders as error:
        raise AppFailure("app.plugin.logs.too_many_readers.app_error", f"{error}.", 429) from None
    return StreamingResponse(_followed(call, printed, count), media_type=NDJSON)


async def get_settings(call: RestCall) -> Any:
    """A plugin's settings, stored or by default, its secrets masked. Mattermost has no such route."""
    return await call.workspace.plugin_settings.show(call.path("plugin_id"))


async def patch_settings(call: RestCall) -> Any:
    """Store some of a plugin's settings, by key; null takes the default again. Mattermost has no such route."""
    return await call.workspace.plugin_settings.change(call.path("plugin_id"), await call.object())


async def set_log_level(call: RestCall) -> Any:
    """Log from `level` on what a plugin says, until the gateway ends; null for that of the settings.

    A plugin of another SDK than ours is not told, and what it keeps back is not seen. Mattermost has no such route.
    """
    level = (await call.object()).get("level")
    if level is not None and level not in LEVELS:
        raise invalid("app.plugin.log_level.app_error", f"The level is null or one of {', '.join(LEVELS)}.")
    await call.workspace.plugins.set_log_level(call.path("plugin_id"), level)
    return OK


async def enable_plugin(call: RestCall) -> Any:
    """Start a plugin."""
    await call.workspace.plugins.enable(call.path("plugin_id"))
    return OK


async def disable_plugin(call: RestCall) -> Any:
    """Stop a plugin."""
    await call.workspace.plugins.disable(call.path("plugin_id"))
    return OK


async def restart_plugin(call: RestCall) -> Any:
    """Start a plugin anew, one replica after the other. Mattermost has no such route."""
    await call.workspace.plugins.restart(call.path("plugin_id"))
    return OK


async def reset_plugin(call: RestCall) -> Any:
    """Start again a plugin that was given up. Mattermost has no such route."""
    await call.workspace.plugins.reset(call.path("plugin_id"))
    return OK


async def remove_plugin(call: RestCall) -> Any:
    """Stop and delete a plugin."""
    await call.workspace.plugins.remove(call.path("plugin_id"))
    return OK


async def get_webapp(call: RestCall) -> Any:
    """The plugins with a part that runs in Mattermost's web client: none, since there is no such client here."""
    return []


async def _followed(call: RestCall, printed: PrintedLines, count: int) -> AsyncIterator[str]:
    """The lines, until the plugin is removed, or who asked may no longer see them."""
    checked = time.monotonic()
    with printed.reader():
        async for batch in printed.follow(count, KEEP_ALIVE):
            if time.monotonic() - checked >= KEEP_ALIVE:
                if not await call.still_may(MANAGE):
                    return
                checked = time.monotonic()
            yield "".join(_json_line(line) for line in batch) or "\n"


def _json_line(line: PrintedLine | Missed) -> str:
    return f"{json.dumps(asdict(line))}\n"


async def _keep(pieces: AsyncIterator[bytes], file: IO[bytes]) -> None:
    """Have what comes as all that is in a file, which is then read from its beginning."""
    file.seek(0)
    file.truncate()
    async for piece in pieces:
        await asyncio.to_thread(file.write, piece)
    file.seek(0)


ROUTES = [
    RestRoute("POST", "/plugins", upload_plugin, system(WRITE), status=201),
    RestRoute("GET", "/plugins", get_plugins, system(READ)),
    RestRoute("GET", "/plugins/statuses", get_statuses, system(READ)),
    RestRoute("GET", "/plugins/webapp", get_webapp, LOGGED_IN),
    RestRoute("GET", "/plugins/{plugin_id}/status", get_status, system(MANAGE)),
    RestRoute("GET", "/plugins/{plugin_id}/logs", get_logs, system(MANAGE)),
    RestRoute("PUT", "/plugins/{plugin_id}/log_level", set_log_level, system(MANAGE)),
    RestRoute("GET", "/plugins/{plugin_id}/settings", get_settings, system(MANAGE)),
    RestRoute("PUT", "/plugins/{plugin_id}/settings/patch", patch_settings, system(MANAGE)),
    RestRoute("POST", "/plugins/{plugin_id}/enable", enable_plugin, system(WRITE)),
    RestRoute("POST", "/plugins/{plugin_id}/disable", disable_plugin, system(WRITE)),
    RestRoute("POST", "/plugins/{plugin_id}/restart", restart_plugin, system(WRITE)),
    RestRoute("POST", "/plugins/{plugin_id}/reset", reset_plugin, system(WRITE)),
    RestRoute("DELETE", "/plugins/{plugin_id}", remove_plugin, system(WRITE)),
]
