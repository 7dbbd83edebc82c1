"""The categories of channels in a user's sidebar."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import SidebarCategoryWithChannels
from servehttp.workspace.rest.access import account, team
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import from_json
from servehttp.workspace.rest.routes import RestRoute

PATH = "/users/{user_id}/teams/{team_id}/channels/categories"


async def get_categories(call: RestCall) -> Any:
    """A user's categories in a team, and their order."""
    return await call.workspace.sidebar.get(*_whose(call))


async def create_category(call: RestCall) -> Any:
    """Add a category."""
    whose = _whose(call)
    return await call.workspace.sidebar.create(*whose, await call.model(SidebarCategoryWithChannels))


async def update_categories(call: RestCall) -> Any:
    """Change categories."""
    whose, body = _whose(call), await call.typed(list[Any], "categories")
    categories = [from_json(SidebarCategoryWithChannels, item, "categories") for item in body]
    return await call.workspace.sidebar.update(*whose, categories)


async def get_order(call: RestCall) -> Any:
    """The order of a user's categories in a team."""
    return (await call.workspace.sidebar.get(*_whose(call))).order


async def set_order(call: RestCall) -> Any:
    """Put a user's categories into another order."""
    whose = _whose(call)
    return await call.workspace.sidebar.set_order(*whose, await call.typed(list[str], "order"))


async def delete_category(call: RestCall) -> Any:
    """Delete a category."""
    await call.workspace.sidebar.delete(*_whose(call), call.path("category"))
    return OK


def _whose(call: RestCall) -> tuple[str, str]:
    return call.path("user_id"), call.path("team_id")


ROUTES = [
    RestRoute("GET", PATH, get_categories, account() & team("view_team")),
    RestRoute("POST", PATH, create_category, account() & team("view_team")),
    RestRoute("PUT", PATH, update_categories, account() & team("view_team")),
    RestRoute("GET", PATH + "/order", get_order, account() & team("view_team")),
    RestRoute("PUT", PATH + "/order", set_order, account() & team("view_team")),
    RestRoute("DELETE", PATH + "/{category}", delete_category, account() & team("view_team")),
]
