"""Preferences of users."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Preference
from servehttp.workspace.errors import not_found
from servehttp.workspace.rest.access import account
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import bad_value, from_json
from servehttp.workspace.rest.routes import RestRoute

PATH = "/users/{user_id}/preferences"
MAX = 100
"""Preferences in one request."""


async def get_preferences(call: RestCall) -> Any:
    """A user's preferences."""
    return await call.workspace.preferences.of_user(call.path("user_id"))


async def get_category(call: RestCall) -> Any:
    """A user's preferences of a category."""
    found = await call.workspace.preferences.of_user(call.path("user_id"), call.path("category"))
    if not found:
        raise not_found("app.preference.get_category.app_error", "preference")
    return found


async def get_preference(call: RestCall) -> Any:
    """One preference."""
    return await call.workspace.preferences.get(call.path("user_id"), call.path("category"), call.path("name"))


async def update_preferences(call: RestCall) -> Any:
    """Store preferences."""
    await call.workspace.preferences.update(call.path("user_id"), await _preferences(call))
    return OK


async def delete_preferences(call: RestCall) -> Any:
    """Delete preferences."""
    await call.workspace.preferences.delete(call.path("user_id"), await _preferences(call))
    return OK


async def _preferences(call: RestCall) -> list[Preference]:
    given = await call.typed(list[Any], "preferences")
    if not 0 < len(given) <= MAX:
        raise bad_value("preferences")
    return [from_json(Preference, item, "preferences") for item in given]


ROUTES = [
    RestRoute("GET", PATH, get_preferences, account()),
    RestRoute("PUT", PATH, update_preferences, account()),
    RestRoute("POST", PATH + "/delete", delete_preferences, account()),
    RestRoute("GET", PATH + "/{category}", get_category, account()),
    RestRoute("GET", PATH + "/{category}/name/{name}", get_preference, account()),
]
