"""The hooks about users and their logging in."""

from __future__ import annotations

from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import SamlAssertionInfoJson, User
from mattermost_plugin.servicers.kinds import NEUTRAL_REASON, fallible, neutral_error, notification
from mattermost_plugin.servicers.results import refusal, split
from mattermost_plugin.servicers.unary import CONTEXT, Argument, UnaryHook

USER = Argument("user", User)

HOOKS = (
    UnaryHook(
        HookName.UserWillLogIn,
        (CONTEXT, USER),
        answer=lambda request, result: pb.UserWillLogInResponse(rejection_reason=refusal(split(result)[1])),
        absent=lambda request: pb.UserWillLogInResponse(),
        failed=lambda failure: pb.UserWillLogInResponse(rejection_reason=NEUTRAL_REASON),
    ),
    fallible(
        HookName.OnSAMLLogin,
        pb.OnSAMLLoginResponse,
        CONTEXT,
        USER,
        Argument("assertion", SamlAssertionInfoJson),
        failed=neutral_error,
    ),
    notification(HookName.UserHasBeenCreated, pb.UserHasBeenCreatedResponse, CONTEXT, USER),
    notification(HookName.UserHasLoggedIn, pb.UserHasLoggedInResponse, CONTEXT, USER),
    notification(HookName.UserHasBeenDeactivated, pb.UserHasBeenDeactivatedResponse, CONTEXT, USER),
)
