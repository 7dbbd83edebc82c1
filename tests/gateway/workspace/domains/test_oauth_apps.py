"""Applications that log in by OAuth 2.0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.models import OAuthApp
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace

pytestmark = pytest.mark.anyio

APP = OAuthApp(
    creator_id="c" * 26,
    name="Board",
    callback_urls="https://a.example/cb,https://b.example/cb",
    homepage="https://a.example",
)


async def test_an_update_changes_neither_the_secret_nor_the_creator(ws: Workspace) -> None:
    app = await ws.oauth_apps.create(APP)
    new = await ws.oauth_apps.update(replace(app, name="Boards", client_secret="mine", creator_id="d" * 26))
    assert (new.name, new.client_secret, new.creator_id) == ("Boards", app.client_secret, app.creator_id)
    assert await ws.oauth_apps.get(app.id) == new


async def test_every_address_has_to_be_one(ws: Workspace) -> None:
    for malformed in (
        replace(APP, callback_urls="https://a.example,javascript:x"),
        replace(APP, callback_urls=""),
        replace(APP, homepage="a.example"),
        replace(APP, icon_url="file:///x"),
        replace(APP, name=""),
        replace(APP, creator_id=""),
    ):
        with pytest.raises(AppFailure) as refused:
            await ws.oauth_apps.create(malformed)
        assert refused.value.status == 400
