"""The categories of channels in a user's sidebar."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import SidebarCategoryWithChannels
from servehttp.workspace.rest.access import account, team
from servehttp.workspace.rest.call import OK, Call
from servehttp.workspace.rest.json import from_json
from servehttp.workspace.rest.routes import Route

PATH = "/users/{user_id}/teams/{team_id}/channels/categories"


async def get_categories(call: Call) -> Any:
    """A user's categories in a team, and their order."""
    return await call.ws.sidebar.get(*_whose(call))


async def create_category(call: Call) -> Any:
    """Add a category."""
    whose = _whose(call)
    return await call.ws.sidebar.create(*whose, await call.model(SidebarCategoryWithChannels))


async def update_categories(call: Call) -> Any:
    """Change categories."""
    whose, body = _whose(call), await call.typed(list[Any], "categories")
    categories = [from_json(SidebarCategoryWithChannels, item, "categories") for item in body]
    return await call.ws.sidebar.update(*whose, categories)


async def get_order(call: Call) -> Any:
    """The order of a user's categories in a team."""
    return (await call.ws.sidebar.get(*_whose(call))).order


async def set_order(call: Call) -> Any:
    """Put a user's categories into another order."""
    whose = _whose(call)
    return await call.ws.sidebar.set_order(*whose, await call.typed(list[str], "order"))


async def delete_category(call: Call) -> Any:
    """Delete a category."""
    await call.ws.sidebar.delete(*_whose(call), call.path("category"))
    return OK


def _whose(call: Call) -> tuple[str, str]:
    return call.path("user_id"), call.path("team_id")


ROUTES = [
    Route("GET", PATH, get_categories, account() & team("view_team")),
    Route("POST", PATH, create_category, account() & team("view_team")),
    Route("PUT", PATH, update_categories, account() & team("view_team")),
    Route("GET", PATH + "/order", get_order, account() & team("view_team")),
    Route("PUT", PATH + "/order", set_order, account() & team("view_team")),
    Route("DELETE", PATH + "/{category}", delete_category, account() & team("view_team")),
]
