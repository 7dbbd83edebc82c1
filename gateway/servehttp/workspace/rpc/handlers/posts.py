"""Posts, ephemeral posts and searches."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Post, PostList, PostSearchResults, SearchParameter, SearchParams
from servehttp.workspace.domains.posts.search_terms import stated, typed
from servehttp.workspace.rpc.call import ApiCall

FROM_PLUGIN = {"from_plugin": "true"}
"""Props by which clients see that a plugin wrote a post."""


async def create_post(call: ApiCall, request: pb.CreatePostRequest) -> Post:
    post = Post.from_proto(request.post)
    created = await call.workspace.posts.create(replace(post, props=post.props | FROM_PLUGIN))
    return replace(created, metadata=None)


async def get_post(call: ApiCall, request: pb.GetPostRequest) -> Post:
    return await call.workspace.posts.get(request.post_id)


async def update_post(call: ApiCall, request: pb.UpdatePostRequest) -> Post:
    return await call.workspace.posts.update(Post.from_proto(request.post))


async def delete_post(call: ApiCall, request: pb.DeletePostRequest) -> None:
    await call.workspace.posts.delete(request.post_id)


async def send_ephemeral_post(call: ApiCall, request: pb.SendEphemeralPostRequest) -> Post:
    return call.workspace.ephemeral_posts.send(request.user_id, Post.from_proto(request.post))


async def update_ephemeral_post(call: ApiCall, request: pb.UpdateEphemeralPostRequest) -> Post:
    return call.workspace.ephemeral_posts.update(request.user_id, Post.from_proto(request.post))


async def delete_ephemeral_post(call: ApiCall, request: pb.DeleteEphemeralPostRequest) -> None:
    call.workspace.ephemeral_posts.delete(request.user_id, request.post_id)


async def get_post_thread(call: ApiCall, request: pb.GetPostThreadRequest) -> PostList:
    return await call.workspace.post_lists.thread(request.post_id)


async def get_posts_since(call: ApiCall, request: pb.GetPostsSinceRequest) -> PostList:
    return await call.workspace.post_lists.since(request.channel_id, request.time)


async def get_posts_after(call: ApiCall, request: pb.GetPostsAfterRequest) -> PostList:
    return await call.workspace.post_lists.after(request.channel_id, request.post_id, request.page, request.per_page)


async def get_posts_before(call: ApiCall, request: pb.GetPostsBeforeRequest) -> PostList:
    return await call.workspace.post_lists.before(request.channel_id, request.post_id, request.page, request.per_page)


async def get_posts_for_channel(call: ApiCall, request: pb.GetPostsForChannelRequest) -> PostList:
    return await call.workspace.post_lists.page(request.channel_id, request.page, request.per_page)


async def search_posts_in_team(call: ApiCall, request: pb.SearchPostsInTeamRequest) -> list[Post]:
    searches = [stated(SearchParams.from_proto(search)) for search in request.params_list]
    return await call.workspace.post_search.in_team(request.team_id, searches)


async def search_posts_in_team_for_user(
    call: ApiCall, request: pb.SearchPostsInTeamForUserRequest
) -> PostSearchResults:
    search = typed(SearchParameter.from_proto(request.search_params))
    found = await call.workspace.post_search.in_team_for(request.user_id, request.team_id, [search])
    return PostSearchResults(order=[post.id for post in found], posts={post.id: post for post in found})
