"""Applications that use the workspace to log in, by OAuth 2.0."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from mattermost_plugin.models import OAuthApp
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.ids import is_id, new_id
from servehttp.workspace.store.rows import changed, insert, one, to_row
from servehttp.workspace.store.tables.integrations import oauth_apps as table
from servehttp.workspace.store.tables.integrations import oauth_authorizations, oauth_grants
from servehttp.workspace.validation import check_length, is_web_address

LONGEST = {"name": 64, "description": 512, "icon_url": 512, "callback_urls": 1024, "homepage": 256}
"""Characters."""


class OAuthApps(Domain):
    """Applications, whose secrets are in what is returned."""

    async def create(self, app: OAuthApp) -> OAuthApp:
        """Register an application; returns it with its id and its secret.

        Raises:
            AppFailure: 400, a field is missing or malformed.
        """
        now = self.now()
        made = replace(app, id=new_id(), client_secret=new_id(), create_at=now, update_at=now)
        _check(made)
        async with self.db.transaction() as tx:
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, app_id: str) -> OAuthApp:
        """One application.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading() as tx:
            app = await one(tx, OAuthApp, select(table).where(table.c.id == app_id))
        if app is None:
            raise not_found("app.oauth.get_app.find.app_error", "application", where="GetOAuthApp")
        return app

    async def update(self, app: OAuthApp) -> OAuthApp:
        """Replace what is known of an application, but neither its secret nor who made it; returns it.

        Raises:
            AppFailure: 404; 400, a field is missing or malformed.
        """
        async with self.db.transaction() as tx:
            old = await self.get(app.id)
            new = replace(
                app, creator_id=old.creator_id, client_secret=old.client_secret, create_at=old.create_at,
                update_at=self.now(),
            )  # fmt: skip
            _check(new)
            await changed(tx, table.update().where(table.c.id == app.id).values(to_row(new, table)))
        return new

    async def delete(self, app_id: str) -> None:
        """Delete an application and what it was granted.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            await self.get(app_id)
            for rows in (oauth_authorizations, oauth_grants):
                await changed(tx, rows.delete().where(rows.c.app_id == app_id))
            await changed(tx, table.delete().where(table.c.id == app_id))


def _check(app: OAuthApp) -> None:
    if not is_id(app.creator_id):
        raise _malformed("creator_id")
    if not app.name:
        raise _malformed("name")
    for name, longest in LONGEST.items():
        check_length(getattr(app, name), longest, _malformed(name))
    callbacks = app.callback_urls.split(",")
    if not all(is_web_address(address.strip()) for address in callbacks):
        raise _malformed("callback")
    if not is_web_address(app.homepage):
        raise _malformed("homepage")
    if app.icon_url and not is_web_address(app.icon_url):
        raise _malformed("icon_url")


def _malformed(field: str) -> AppFailure:
    return invalid(
        f"model.oauth.is_valid.{field.removesuffix('_urls')}.app_error",
        f"The {field} of the application is missing or malformed.",
        where="OAuthApp.IsValid",
    )
