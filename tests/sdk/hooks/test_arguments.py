"""What handlers get: every hook's request, as a foreign host sends it, becomes the arguments of its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import message_factory

from mattermost_plugin import HookName, Plugin, models
from mattermost_plugin.grpc import post_pb2
from mattermost_plugin.grpc.hooks_lifecycle_pb2 import ImplementedRequest
from mattermost_plugin.grpc.hooks_message_pb2 import MessageWillBePostedRequest
from mattermost_plugin.hooks import hook
from support.hooks import RPCS, UNARY, ask, asked, empty_request, full_request, plugin_with
from support.plugin_host import serving

if TYPE_CHECKING:
    from mattermost_plugin.models import Post

pytestmark = pytest.mark.anyio

CONTEXT = "plugin_context"

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "OnActivate": (),
    "OnDeactivate": (),
    "OnConfigurationChange": (),
    "OnInstall": (CONTEXT, "event"),
    "OnSendDailyTelemetry": (),
    "RunDataRetention": ("now_time", "batch_size"),
    "OnCloudLimitsUpdated": ("limits",),
    "ConfigurationWillBeSaved": ("new_config",),
    "MessageWillBePosted": (CONTEXT, "post"),
    "MessageWillBeUpdated": (CONTEXT, "new_post", "old_post"),
    "MessageHasBeenPosted": (CONTEXT, "post"),
    "MessageHasBeenUpdated": (CONTEXT, "new_post", "old_post"),
    "MessagesWillBeConsumed": ("posts",),
    "MessageHasBeenDeleted": (CONTEXT, "post"),
    "FileWillBeUploaded": (CONTEXT, "file_info", "file_content"),
    "ReactionHasBeenAdded": (CONTEXT, "reaction"),
    "ReactionHasBeenRemoved": (CONTEXT, "reaction"),
    "NotificationWillBePushed": ("push_notification", "user_id"),
    "EmailNotificationWillBeSent": ("email_notification",),
    "PreferencesHaveChanged": (CONTEXT, "preferences"),
    "UserHasBeenCreated": (CONTEXT, "user"),
    "UserWillLogIn": (CONTEXT, "user"),
    "UserHasLoggedIn": (CONTEXT, "user"),
    "UserHasBeenDeactivated": (CONTEXT, "user"),
    "OnSAMLLogin": (CONTEXT, "user", "assertion"),
    "ChannelHasBeenCreated": (CONTEXT, "channel"),
    "UserHasJoinedChannel": (CONTEXT, "channel_member", "actor"),
    "UserHasLeftChannel": (CONTEXT, "channel_member", "actor"),
    "UserHasJoinedTeam": (CONTEXT, "team_member", "actor"),
    "UserHasLeftTeam": (CONTEXT, "team_member", "actor"),
    "ExecuteCommand": (CONTEXT, "args"),
    "OnWebSocketConnect": ("web_conn_id", "user_id"),
    "OnWebSocketDisconnect": ("web_conn_id", "user_id"),
    "WebSocketMessageHasBeenPosted": ("web_conn_id", "user_id", "request"),
    "OnPluginClusterEvent": (CONTEXT, "event"),
    "OnSharedChannelsSyncMsg": ("sync_msg", "remote_cluster"),
    "OnSharedChannelsPing": ("remote_cluster",),
    "OnSharedChannelsAttachmentSyncMsg": ("file_info", "post", "remote_cluster"),
    "OnSharedChannelsProfileImageSyncMsg": ("user", "remote_cluster"),
    "GenerateSupportData": (CONTEXT,),
}

WITH_ACTOR = sorted(name for name, fields in ARGUMENTS.items() if "actor" in fields)


def sent(name: str) -> list[Any]:
    """The fields of the request that are the handler's arguments."""
    request = full_request(name)
    return [getattr(request, field) for field in ARGUMENTS[name]]


def test_the_table_has_every_hook() -> None:
    assert sorted(ARGUMENTS) == sorted(UNARY)
    assert len(UNARY) == 40
    assert {*UNARY, "ServeHTTP", "Implemented"} == set(RPCS)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_a_handler_gets_models_equal_to_what_was_sent(name: str, is_async: bool) -> None:
    got: list[Any] = []

    def sync(self: Plugin, *arguments: Any) -> None:
        got.extend(arguments)

    async def asynchronous(self: Plugin, *arguments: Any) -> None:
        got.extend(arguments)

    await asked(name, asynchronous if is_async else sync)
    assert [_as_sent(value) for value in got] == sent(name)


def _as_sent(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    if isinstance(value, (str, int, bytes)):
        return value
    message = value.to_proto()
    assert type(value) is getattr(models, message.DESCRIPTOR.name)
    return message


@pytest.mark.parametrize("name", UNARY)
async def test_a_handler_gets_messages_where_its_annotations_ask_for_them(name: str) -> None:
    got: list[Any] = []

    def handler(self: Plugin, a: Any = None, b: Any = None, c: Any = None) -> None:
        got.extend((a, b, c))

    handler.__annotations__ = dict(zip("abc", _message_annotations(name), strict=False))
    await asked(name, handler)
    assert got[: len(ARGUMENTS[name])] == sent(name)


def _message_annotations(name: str) -> list[Any]:
    annotations: list[Any] = []
    for field in ARGUMENTS[name]:
        descriptor = RPCS[name].input_type.fields_by_name[field]
        if descriptor.message_type is None:
            annotations.append(object)
            continue
        cls: Any = message_factory.GetMessageClass(descriptor.message_type)
        annotations.append(list[cls] if descriptor.is_repeated else cls | None)
    return annotations


async def test_annotations_are_read_one_by_one_and_as_they_are_written() -> None:
    got: list[Any] = []

    class Mixed(Plugin):
        @hook(HookName.MessageWillBeUpdated)
        async def update(self, context: Any, new_post: post_pb2.Post | None, old_post: Post) -> None:
            got.extend((context, new_post, old_post))

    async with serving(Mixed()) as (_, host):
        await ask(host, "MessageWillBeUpdated")
    assert [type(value) for value in got] == [models.PluginContext, post_pb2.Post, models.Post]


async def test_a_handler_may_change_the_message_it_got_and_give_it_back() -> None:
    def shout(self: Plugin, context: object, post: post_pb2.Post) -> tuple[post_pb2.Post, str]:
        post.message = post.message.upper()
        return post, ""

    request = MessageWillBePostedRequest(post=post_pb2.Post(id="p", message="hello"))
    response = await asked("MessageWillBePosted", shout, request)
    assert response.modified_post == post_pb2.Post(id="p", message="HELLO")


@pytest.mark.parametrize("name", UNARY)
async def test_what_the_host_leaves_out_is_empty_and_only_an_actor_is_none(name: str) -> None:
    got: list[Any] = []
    await asked(name, lambda self, *arguments: got.extend(arguments), empty_request(name))
    for field, value in zip(ARGUMENTS[name], got, strict=True):
        if field == "actor":
            assert value is None
        elif isinstance(value, (str, int, bytes, list)):
            assert not value
        else:
            assert value == type(value).from_proto(getattr(empty_request(name), field))


@pytest.mark.parametrize("name", WITH_ACTOR)
async def test_an_actor_that_is_there_is_given_even_if_empty(name: str) -> None:
    request = empty_request(name)
    request.actor.SetInParent()
    got: list[Any] = []
    await asked(name, lambda self, *arguments: got.extend(arguments), request)
    assert got[-1] == models.User.from_proto(request.actor)


async def test_every_hook_with_a_handler_is_announced() -> None:
    cls = type("All", (Plugin,), {f"on_{name}": hook(name)(lambda self, *_: None) for name in HookName})
    async with serving(cls()) as (_, host):
        response = await host.hooks.Implemented(ImplementedRequest())
    assert list(response.hooks) == sorted(name.value for name in HookName)
    assert len(response.hooks) == 41


async def test_underscored_handlers_and_renamed_overrides_are_called() -> None:
    class Parent(Plugin):
        @hook(HookName.OnActivate, timeout=3)
        def _start(self) -> str:
            return "parent"

        @hook(HookName.UserWillLogIn)
        def log_in(self, context: object, user: object) -> str:
            return "parent"

    class Child(Parent):
        def _start(self) -> str:
            return "child"

        @hook(HookName.UserWillLogIn)
        def admit(self, context: object, user: object) -> str:
            return "child"

    assert Child.get_hook_options("OnActivate").timeout == 3
    async with serving(Child()) as (_, host):
        assert (await ask(host, "OnActivate")).error.message == "child"
        assert (await ask(host, "UserWillLogIn")).rejection_reason == "child"


async def test_a_message_above_4_mib_reaches_its_handler() -> None:
    content = bytes(6 * 1024 * 1024)
    request: Any = empty_request("FileWillBeUploaded")
    request.file_content = content
    got: list[bytes] = []
    async with serving(plugin_with("FileWillBeUploaded", lambda self, *arguments: got.append(arguments[2]))) as (
        _,
        host,
    ):
        await ask(host, "FileWillBeUploaded", request)
    assert got == [content]
