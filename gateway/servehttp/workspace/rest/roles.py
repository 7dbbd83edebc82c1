"""Roles."""

from __future__ import annotations

from typing import Any

from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import Call
from servehttp.workspace.rest.json import value_of
from servehttp.workspace.rest.routes import Route


async def get_roles(call: Call) -> Any:
    """Every role."""
    return await call.ws.roles.all()


async def get_role(call: Call) -> Any:
    """One role."""
    return await call.ws.roles.get(call.path("role_id"))


async def get_by_name(call: Call) -> Any:
    """The role of a name."""
    return await call.ws.roles.by_name(call.path("role_name"))


async def get_by_names(call: Call) -> Any:
    """Those of these roles that exist."""
    return await call.ws.roles.by_names(await call.typed(list[str], "names"))


async def patch_role(call: Call) -> Any:
    """Change what a role permits."""
    permissions = value_of(list[str], (await call.object()).get("permissions"), "permissions")
    return await call.ws.roles.set_permissions(call.path("role_id"), permissions)


ROUTES = [
    Route("GET", "/roles", get_roles, system("manage_roles")),
    Route("POST", "/roles/names", get_by_names, LOGGED_IN),
    Route("GET", "/roles/name/{role_name}", get_by_name, LOGGED_IN),
    Route("GET", "/roles/{role_id}", get_role, LOGGED_IN),
    Route("PUT", "/roles/{role_id}/patch", patch_role, system("manage_system")),
]
