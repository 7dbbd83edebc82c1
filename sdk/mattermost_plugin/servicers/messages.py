"""The hooks about posts and reactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.grpc import post_pb2
from mattermost_plugin.hooks import HookName
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.models import Post, Reaction
from mattermost_plugin.servicers.kinds import notification, verdict
from mattermost_plugin.servicers.results import as_messages
from mattermost_plugin.servicers.unary import CONTEXT, Argument, UnaryHook

POST = Argument("post", Post)
NEW_POST = Argument("new_post", Post)
OLD_POST = Argument("old_post", Post)
REACTION = Argument("reaction", Reaction)

logger = get_logger("mattermost_plugin.hooks")


def _consumed(request: pb.MessagesWillBeConsumedRequest, result: Any) -> pb.MessagesWillBeConsumedResponse:
    if result is None:
        return _unchanged(request)
    if not isinstance(result, Iterable) or isinstance(result, (str, bytes, Mapping, Message)):
        logger.warning(
            "MessagesWillBeConsumed returned %s instead of a list of posts, which changes nothing",
            type(result).__name__,
        )
        return _unchanged(request)
    return pb.MessagesWillBeConsumedResponse(posts=as_messages(result, post_pb2.Post))


def _unchanged(request: pb.MessagesWillBeConsumedRequest) -> pb.MessagesWillBeConsumedResponse:
    return pb.MessagesWillBeConsumedResponse(posts=request.posts)


HOOKS = (
    verdict(
        HookName.MessageWillBePosted,
        pb.MessageWillBePostedResponse,
        CONTEXT,
        POST,
        subject=POST,
        modified="modified_post",
        kind=post_pb2.Post,
    ),
    verdict(
        HookName.MessageWillBeUpdated,
        pb.MessageWillBeUpdatedResponse,
        CONTEXT,
        NEW_POST,
        OLD_POST,
        subject=NEW_POST,
        modified="modified_post",
        kind=post_pb2.Post,
    ),
    UnaryHook(
        HookName.MessagesWillBeConsumed,
        (Argument("posts", Post, many=True),),
        answer=_consumed,
        absent=_unchanged,
        # There is no reason to give: what could not be checked is not shown.
        failed=lambda failure: pb.MessagesWillBeConsumedResponse(),
    ),
    notification(HookName.MessageHasBeenPosted, pb.MessageHasBeenPostedResponse, CONTEXT, POST),
    notification(HookName.MessageHasBeenUpdated, pb.MessageHasBeenUpdatedResponse, CONTEXT, NEW_POST, OLD_POST),
    notification(HookName.MessageHasBeenDeleted, pb.MessageHasBeenDeletedResponse, CONTEXT, POST),
    notification(HookName.ReactionHasBeenAdded, pb.ReactionHasBeenAddedResponse, CONTEXT, REACTION),
    notification(HookName.ReactionHasBeenRemoved, pb.ReactionHasBeenRemovedResponse, CONTEXT, REACTION),
)
