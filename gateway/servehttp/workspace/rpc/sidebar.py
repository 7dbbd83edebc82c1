"""Users' sidebars."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import SidebarCategoryWithChannels as Category
from servehttp.workspace.rpc.call import Call


async def create_channel_sidebar_category(
    call: Call, request: pb.CreateChannelSidebarCategoryRequest
) -> pb.CreateChannelSidebarCategoryResponse:
    wanted = Category.from_proto(request.new_category)
    category = await call.ws.sidebar.create(request.user_id, request.team_id, wanted)
    return pb.CreateChannelSidebarCategoryResponse(category=category.to_proto())


async def get_channel_sidebar_categories(
    call: Call, request: pb.GetChannelSidebarCategoriesRequest
) -> pb.GetChannelSidebarCategoriesResponse:
    categories = await call.ws.sidebar.get(request.user_id, request.team_id)
    return pb.GetChannelSidebarCategoriesResponse(categories=categories.to_proto())


async def update_channel_sidebar_categories(
    call: Call, request: pb.UpdateChannelSidebarCategoriesRequest
) -> pb.UpdateChannelSidebarCategoriesResponse:
    wanted = [Category.from_proto(category) for category in request.categories]
    changed = await call.ws.sidebar.update(request.user_id, request.team_id, wanted)
    return pb.UpdateChannelSidebarCategoriesResponse(categories=[category.to_proto() for category in changed])
