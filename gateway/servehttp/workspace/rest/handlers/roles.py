"""Roles."""

from __future__ import annotations

from typing import Any

from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.json import value_of
from servehttp.workspace.rest.routes import RestRoute


async def get_roles(call: RestCall) -> Any:
    """Every role."""
    return await call.workspace.roles.all()


async def get_role(call: RestCall) -> Any:
    """One role."""
    return await call.workspace.roles.get(call.path("role_id"))


async def get_by_name(call: RestCall) -> Any:
    """The role of a name."""
    return await call.workspace.roles.by_name(call.path("role_name"))


async def get_by_names(call: RestCall) -> Any:
    """Those of these roles that exist."""
    return await call.workspace.roles.by_names(await call.typed(list[str], "names"))


async def patch_role(call: RestCall) -> Any:
    """Change what a role permits."""
    permissions = value_of(list[str], (await call.object()).get("permissions"), "permissions")
    return await call.workspace.roles.set_permissions(call.path("role_id"), permissions)


ROUTES = [
    RestRoute("GET", "/roles", get_roles, system("manage_roles")),
    RestRoute("POST", "/roles/names", get_by_names, LOGGED_IN),
    RestRoute("GET", "/roles/name/{role_name}", get_by_name, LOGGED_IN),
    RestRoute("GET", "/roles/{role_id}", get_role, LOGGED_IN),
    RestRoute("PUT", "/roles/{role_id}/patch", patch_role, system("manage_system")),
]
