"""Managing plugins."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any

from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.forms import at_most, no_file, parts
from servehttp.workspace.rest.routes import RestRoute

FIELD_MAX = 1024
"""Bytes of a field that is no file."""
WRITE = "sysconsole_write_plugins"
READ = "sysconsole_read_plugins"
HELD_MAX = 1024 * 1024
"""Bytes of a bundle that are held in memory; a larger one is a temporary file."""


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


async def remove_plugin(call: RestCall) -> Any:
    """Stop and delete a plugin."""
    await call.workspace.plugins.remove(call.path("plugin_id"))
    return OK


async def get_webapp(call: RestCall) -> Any:
    """The plugins with a part that runs in Mattermost's web client: none, since there is no such client here."""
    return []


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
    RestRoute("POST", "/plugins/{plugin_id}/enable", enable_plugin, system(WRITE)),
    RestRoute("POST", "/plugins/{plugin_id}/disable", disable_plugin, system(WRITE)),
    RestRoute("POST", "/plugins/{plugin_id}/restart", restart_plugin, system(WRITE)),
    RestRoute("DELETE", "/plugins/{plugin_id}", remove_plugin, system(WRITE)),
]
