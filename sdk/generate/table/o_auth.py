"""OAuth 2.0 applications that use the server to log in."""

from __future__ import annotations

from mattermost_plugin.models import OAuthApp
from notation import repeatable


def create_o_auth_app(app: OAuthApp) -> OAuthApp:
    """Register an application, and return it with its id and secret.

    Args:
        app: `creator_id`, `name`, `homepage` and `callback_urls` (separated by commas) are needed.

    Raises:
        ValidationError: a field is missing or malformed.
        PluginAPIError: the server is no OAuth provider (501).
    """


@repeatable
def get_o_auth_app(app_id: str) -> OAuthApp:
    """One application by id.

    Raises:
        NotFoundError: there is no such application.
    """


def update_o_auth_app(app: OAuthApp) -> OAuthApp:
    """Replace an application's data, and return it as stored.

    Raises:
        NotFoundError: there is no such application.
        ValidationError: a field is malformed.
    """


def delete_o_auth_app(app_id: str) -> None:
    """Delete an application and its tokens.

    Raises:
        NotFoundError: there is no such application.
    """
