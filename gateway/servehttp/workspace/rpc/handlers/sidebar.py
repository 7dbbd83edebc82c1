"""Users' sidebars."""

from __future__ import annotations

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import OrderedSidebarCategories
from mattermost_plugin.models import SidebarCategoryWithChannels as Category
from servehttp.workspace.rpc.call import ApiCall


async def create_channel_sidebar_category(call: ApiCall, request: pb.CreateChannelSidebarCategoryRequest) -> Category:
    wanted = Category.from_proto(request.new_category)
    return await call.workspace.sidebar.create(request.user_id, request.team_id, wanted)


async def get_channel_sidebar_categories(
    call: ApiCall, request: pb.GetChannelSidebarCategoriesRequest
) -> OrderedSidebarCategories:
    return await call.workspace.sidebar.get(request.user_id, request.team_id)


async def update_channel_sidebar_categories(
    call: ApiCall, request: pb.UpdateChannelSidebarCategoriesRequest
) -> list[Category]:
    wanted = [Category.from_proto(category) for category in request.categories]
    return await call.workspace.sidebar.update(request.user_id, request.team_id, wanted)
