"""Models survive the way into a table and back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from mattermost_plugin.models import Channel, ChannelBannerInfo
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import insert, one, to_row
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.workspace import Workspace

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "channel",
    [
        Channel(id=new_id()),
        Channel(
            id=new_id(),
            props={"a": [1, {"b": None}]},
            group_constrained=False,
            scheme_id="",
            total_msg_count=2**60,
            banner_info=ChannelBannerInfo(enabled=True, text="x"),
        ),
    ],
    ids=["empty", "filled"],
)
async def test_a_model_comes_back_as_it_was(ws: Workspace, channel: Channel) -> None:
    async with ws.database.transaction() as tx:
        await insert(tx, channels, to_row(channel, channels))
        assert await one(tx, Channel, select(channels).where(channels.c.id == channel.id)) == channel
