"""Applications that log in by OAuth 2.0 as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError
from mattermost_plugin.models import OAuthApp

pytestmark = pytest.mark.anyio


async def test_every_method_does_its_work(api: AsyncPluginAPIClient) -> None:
    address = "https://a.example"
    app = await api.create_o_auth_app(
        OAuthApp(creator_id="c" * 26, name="Board", callback_urls=address, homepage=address)
    )
    assert len(app.client_secret) == 26
    changed = await api.update_o_auth_app(replace(app, name="Boards"))
    assert await api.get_o_auth_app(app.id) == changed
    await api.delete_o_auth_app(app.id)
    with pytest.raises(NotFoundError):
        await api.get_o_auth_app(app.id)
