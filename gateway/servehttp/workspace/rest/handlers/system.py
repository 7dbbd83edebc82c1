"""What a client asks of the server itself, and its configuration."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from servehttp.workspace.domains.base.system_properties import SERVER_VERSION
from servehttp.workspace.rest.access import PUBLIC, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.routes import RestRoute

CLIENT_SETTINGS = {
    "ServiceSettings": ("SiteURL", "EnableCommands", "EnableCustomEmoji", "EnableUserAccessTokens", "CollapsedThreads"),
    "TeamSettings": ("SiteName", "TeammateNameDisplay", "EnableUserCreation", "EnableOpenServer"),
    "FileSettings": ("EnableFileAttachments", "EnablePublicLink"),
}
"""What everybody may know of the configuration."""


async def ping(call: RestCall) -> Any:
    """Whether the server is there."""
    return OK


async def client_config(call: RestCall) -> Any:
    """What a client has to know before anybody is logged in; all values are texts."""
    config = await call.workspace.config.get()
    values = {name: config[section][name] for section, names in CLIENT_SETTINGS.items() for name in names}
    texts = {name: _text(value) for name, value in values.items()}
    return texts | {
        "DiagnosticId": await call.workspace.system_properties.diagnostic_id(),
        "MaxFileSize": str(int(call.workspace.settings.max_file_size)),
        "Version": SERVER_VERSION,
    }


async def client_license(call: RestCall) -> Any:
    """A workspace has no licence."""
    return {"IsLicensed": "false"}


async def get_config(call: RestCall) -> Any:
    """The whole configuration, its secrets masked."""
    return await call.workspace.config.sanitized(call.workspace.plugins.is_secret)


async def update_config(call: RestCall) -> Any:
    """Replace the configuration; what is left out is the default, and a masked secret stays."""
    await call.workspace.config.save(json.dumps(await call.object()).encode())
    return await call.workspace.config.sanitized(call.workspace.plugins.is_secret)


async def support_packet(call: RestCall) -> Any:
    """A zip file for those who help from afar; what plugins add to it is in it."""
    headers = {"Content-Disposition": 'attachment; filename="mm_support_packet.zip"'}
    return Response(await call.workspace.support.packet(), media_type="application/zip", headers=headers)


async def get_sizes(call: RestCall) -> Any:
    """How large the workspace is: counts, and bytes of files and the database. Of Mattermost's it has these alone."""
    return await call.workspace.sizes.all()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


ROUTES = [
    RestRoute("GET", "/system/ping", ping, PUBLIC),
    RestRoute("GET", "/config/client", client_config, PUBLIC),
    RestRoute("GET", "/license/client", client_license, PUBLIC),
    RestRoute("GET", "/config", get_config, system("manage_system")),
    RestRoute("PUT", "/config", update_config, system("manage_system")),
    RestRoute("GET", "/analytics/old", get_sizes, system("get_analytics")),
    RestRoute("GET", "/system/support_packet", support_packet, system("manage_system")),
]
