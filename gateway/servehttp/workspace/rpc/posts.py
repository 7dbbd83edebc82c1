"""Posts, ephemeral posts and searches."""

from __future__ import annotations

from dataclasses import replace

from mattermost_plugin.grpc import api_channel_post_pb2 as pb
from mattermost_plugin.models import Post, PostSearchResults, SearchParameter, SearchParams
from servehttp.workspace.domains.posts.search_terms import stated, typed
from servehttp.workspace.rpc.call import Call

FROM_PLUGIN = {"from_plugin": "true"}
"""Props by which clients see that a plugin wrote a post."""


async def create_post(call: Call, request: pb.CreatePostRequest) -> pb.CreatePostResponse:
    post = Post.from_proto(request.post)
    created = await call.ws.posts.create(replace(post, props=post.props | FROM_PLUGIN))
    return pb.CreatePostResponse(post=replace(created, metadata=None).to_proto())


async def get_post(call: Call, request: pb.GetPostRequest) -> pb.GetPostResponse:
    return pb.GetPostResponse(post=(await call.ws.posts.get(request.post_id)).to_proto())


async def update_post(call: Call, request: pb.UpdatePostRequest) -> pb.UpdatePostResponse:
    return pb.UpdatePostResponse(post=(await call.ws.posts.update(Post.from_proto(request.post))).to_proto())


async def delete_post(call: Call, request: pb.DeletePostRequest) -> pb.DeletePostResponse:
    await call.ws.posts.delete(request.post_id)
    return pb.DeletePostResponse()


async def send_ephemeral_post(call: Call, request: pb.SendEphemeralPostRequest) -> pb.SendEphemeralPostResponse:
    shown = call.ws.ephemeral_posts.send(request.user_id, Post.from_proto(request.post))
    return pb.SendEphemeralPostResponse(post=shown.to_proto())


async def update_ephemeral_post(call: Call, request: pb.UpdateEphemeralPostRequest) -> pb.UpdateEphemeralPostResponse:
    shown = call.ws.ephemeral_posts.update(request.user_id, Post.from_proto(request.post))
    return pb.UpdateEphemeralPostResponse(post=shown.to_proto())


async def delete_ephemeral_post(call: Call, request: pb.DeleteEphemeralPostRequest) -> pb.DeleteEphemeralPostResponse:
    call.ws.ephemeral_posts.delete(request.user_id, request.post_id)
    return pb.DeleteEphemeralPostResponse()


async def get_post_thread(call: Call, request: pb.GetPostThreadRequest) -> pb.GetPostThreadResponse:
    return pb.GetPostThreadResponse(post_list=(await call.ws.post_lists.thread(request.post_id)).to_proto())


async def get_posts_since(call: Call, request: pb.GetPostsSinceRequest) -> pb.GetPostsSinceResponse:
    found = await call.ws.post_lists.since(request.channel_id, request.time)
    return pb.GetPostsSinceResponse(post_list=found.to_proto())


async def get_posts_after(call: Call, request: pb.GetPostsAfterRequest) -> pb.GetPostsAfterResponse:
    found = await call.ws.post_lists.after(request.channel_id, request.post_id, request.page, request.per_page)
    return pb.GetPostsAfterResponse(post_list=found.to_proto())


async def get_posts_before(call: Call, request: pb.GetPostsBeforeRequest) -> pb.GetPostsBeforeResponse:
    found = await call.ws.post_lists.before(request.channel_id, request.post_id, request.page, request.per_page)
    return pb.GetPostsBeforeResponse(post_list=found.to_proto())


async def get_posts_for_channel(call: Call, request: pb.GetPostsForChannelRequest) -> pb.GetPostsForChannelResponse:
    found = await call.ws.post_lists.page(request.channel_id, request.page, request.per_page)
    return pb.GetPostsForChannelResponse(post_list=found.to_proto())


async def search_posts_in_team(call: Call, request: pb.SearchPostsInTeamRequest) -> pb.SearchPostsInTeamResponse:
    searches = [stated(SearchParams.from_proto(search)) for search in request.params_list]
    found = await call.ws.post_search.in_team(request.team_id, searches)
    return pb.SearchPostsInTeamResponse(posts=[post.to_proto() for post in found])


async def search_posts_in_team_for_user(
    call: Call, request: pb.SearchPostsInTeamForUserRequest
) -> pb.SearchPostsInTeamForUserResponse:
    search = typed(SearchParameter.from_proto(request.search_params))
    found = await call.ws.post_search.in_team_for(request.user_id, request.team_id, [search])
    results = PostSearchResults(order=[post.id for post in found], posts={post.id: post for post in found})
    return pb.SearchPostsInTeamForUserResponse(results=results.to_proto())
