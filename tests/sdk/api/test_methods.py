"""Every method of both clients: what it puts on the wire, and what it makes of the answer."""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient, models
from mattermost_plugin.grpc import api_channel_post_pb2, api_kv_config_pb2, api_remaining_pb2
from mattermost_plugin.models import WebsocketBroadcast
from mattermost_plugin.values import from_struct, to_struct, to_value
from support.api_host import ANYTHING, RPCS, ApiHost, answer, filled, request_class

pytestmark = pytest.mark.anyio


def key(name: str) -> str:
    return name.replace("_", "").lower()


NAMES = {key(name): name for name in dir(PluginAPIClient) if not name.startswith("_")}
METHODS = {rpc: NAMES[key(rpc)] for rpc in RPCS}

VALUES: Mapping[Any, Callable[[str, int], Any]] = {
    str: lambda name, number: f"{name} argument",
    int: lambda name, number: 1000 + number,
    bool: lambda name, number: True,
    bytes: lambda name, number: f"{name} \xfe".encode("latin-1"),
}

Arguments = dict[str, Any]


def argument(name: str, number: int, annotation: Any) -> Any:
    """A value of the type that a parameter wants, unlike that of any other parameter."""
    if annotation in VALUES:
        return VALUES[annotation](name, number)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return model(annotation)
    if origin.__name__ == "UnionType" or origin is typing.Union:
        return argument(name, number, parts[0])
    if origin.__name__ == "Mapping":
        return dict(ANYTHING) if parts[1] is Any else {f"{name} key": f"{name} value"}
    if origin.__name__ == "tuple":
        return tuple(f"{name} {position}" for position in range(len(parts)))
    return [argument(f"{name} {position}", number, parts[0]) for position in (1, 2)]


def model(cls: Any) -> Any:
    """A filled model."""
    message = typing.get_type_hints(cls.from_proto)["message"]
    return cls.from_proto(filled(message.DESCRIPTOR))


def arguments(method: Callable[..., Any]) -> Arguments:
    hints = typing.get_type_hints(method)
    names = list(inspect.signature(method).parameters)[1:]
    own = [name for name in names if name not in ("timeout", "kwargs")]
    given = {name: argument(name, number, hints[name]) for number, name in enumerate(own)}
    fields = {"text": "x", "count": 3, "flag": False, "nothing": None, "huge": 2**60, "other": [1]}
    return given | fields if "kwargs" in names else given


def only(name: str, field: str, *extra: str) -> Callable[[Arguments], dict[str, Any]]:
    """One parameter goes into a field of another name, the ones named beside it into those of their own."""
    return lambda given: {field: given[name]} | {other: given[other] for other in extra}


def nested(field: str, names: str, extra: str = "", **renamed: str) -> Callable[[Arguments], dict[str, Any]]:
    """Parameters go into a message of the request."""
    return lambda given: (
        {field: {renamed.get(name, name): given[name] for name in names.split()}}
        | {name: given[name] for name in extra.split()}
    )


def log_request(given: Arguments) -> dict[str, Any]:
    pairs = {"text": "x", "count": 3, "flag": False, "nothing": None, "huge": str(2**60), "other": "[1]"}
    return {
        "msg": given["message"],
        "key_value_pairs": [api_kv_config_pb2.KeyValuePair(key=name, value=to_value(pairs[name])) for name in pairs],
    }


REQUESTS: dict[str, Callable[[Arguments], dict[str, Any]]] = {
    "get_user_by_username": only("username", "name"),
    "patch_channel_members_notifications": lambda given: {
        "members": [
            api_channel_post_pb2.ChannelMemberIdentifier(channel_id=channel_id, user_id=user_id)
            for channel_id, user_id in given["members"]
        ],
        "notify_props": given["notify_props"],
    },
    "search_posts_in_team": lambda given: {
        "team_id": given["team_id"],
        "params_list": [api_channel_post_pb2.SearchParams(terms=given["terms"])],
    },
    "search_posts_in_team_for_user": lambda given: {
        "team_id": given["team_id"],
        "user_id": given["user_id"],
        "search_params": api_channel_post_pb2.SearchParameter(terms=given["terms"]),
    },
    "get_emoji_list": only("sort", "sort_by", "page", "per_page"),
    "get_file_infos": nested("options", "user_id channel_id include_deleted sort_by sort_order", "page per_page"),
    "create_upload_session": only("session", "upload_session"),
    "upload_data": only("session", "upload_session", "data"),
    "patch_bot": only("patch", "bot_patch", "bot_user_id"),
    "execute_slash_command": only("args", "command_args"),
    "create_command": only("command", "cmd"),
    "update_command": only("command", "updated_cmd", "command_id"),
    "get_plugin_status": only("plugin_id", "id"),
    "enable_plugin": only("plugin_id", "id"),
    "disable_plugin": only("plugin_id", "id"),
    "remove_plugin": only("plugin_id", "id"),
    "install_plugin": lambda given: {"file_data": given["data"], "replace": given["force"]},
    "get_groups_by_source": only("source", "group_source"),
    "upsert_group_syncable": only("syncable", "group_syncable"),
    "update_group_syncable": only("syncable", "group_syncable"),
    "create_default_syncable_memberships": nested("params", "since scope_teams scope_channels re_add_removed_members"),
    "search_property_fields": nested("opts", "page per_page include_deleted target_type target_id", "group_id"),
    "search_property_values": nested(
        "opts", "page per_page include_deleted target_type target_id field_id", "group_id"
    ),
    "register_plugin_for_shared_channels": nested("opts", "plugin_id display_name description"),
    "update_shared_channel_cursor": nested("cursor", "last_post_update_at last_post_id", "channel_id remote_id"),
    "publish_plugin_cluster_event": lambda given: {
        "event": {"id": given["event_id"], "data": given["data"]},
        "opts": {"send_type": given["send_type"], "target_id": given["target_id"]},
    },
    "open_interactive_dialog": only("dialog_request", "dialog"),
    **dict.fromkeys(("log_debug", "log_info", "log_warn", "log_error"), log_request),
}
"""What arrives where it is not simply each parameter in the field of its name."""

RESULTS: dict[str, Callable[[Any], Any]] = {
    "search_posts_in_team": lambda response: models.PostList(
        order=["id 1", "id 1"], posts={"id 1": models.Post.from_proto(response.posts[0])}
    ),
    "get_emoji_image": lambda response: response.image,
    "load_plugin_configuration": lambda response: {"name": 2**53 + 1},
    "get_plugin_config": lambda response: ANYTHING,
    "plugin_http": lambda response: (response.status_code, dict(response.headers), response.body),
}
"""What is returned where it is not simply the response's field besides the error."""


def wire(value: Any, kind: Any) -> Any:
    """An argument as a field of its kind holds it."""
    if hasattr(value, "to_proto"):
        return value.to_proto()
    if isinstance(value, list):
        return [wire(item, None) for item in value]
    return to_struct(value) if kind is not None and kind.full_name == "google.protobuf.Struct" else value


def expected_request(rpc: str, name: str, given: Arguments) -> Message:
    fields = REQUESTS[name](given) if name in REQUESTS else given
    kinds = request_class(rpc).DESCRIPTOR.fields_by_name
    return request_class(rpc)(**{field: wire(value, kinds[field].message_type) for field, value in fields.items()})


def check_result(rpc: str, name: str, result: Any, annotation: Any) -> None:
    response = answer(rpc)
    if name in RESULTS:
        assert result == RESULTS[name](response)
        return
    fields = [field for field in response.DESCRIPTOR.fields if field.name != "error"]
    if annotation is type(None):
        assert result is None
        assert not fields
        return
    (field,) = fields
    value = getattr(response, field.name)
    if field.message_type is None:
        assert result == (list(value) if field.is_repeated else value)
    elif field.message_type.GetOptions().map_entry:
        assert result == dict(value)
    elif field.is_repeated:
        assert [item.to_proto() for item in result] == list(value)
        assert type(result[0]) is typing.get_args(annotation)[0]
    else:
        assert result.to_proto() == value
        assert type(result) in (annotation, *typing.get_args(annotation))


@pytest.mark.parametrize(("rpc", "name"), METHODS.items())
def test_a_blocking_method_sends_its_arguments_and_returns_the_answer(
    rpc: str, name: str, host: ApiHost, client: PluginAPIClient
) -> None:
    method = getattr(PluginAPIClient, name)
    given = arguments(method)
    result = method(client, **given)
    assert host.asked(rpc) == [expected_request(rpc, name, given)]
    check_result(rpc, name, result, typing.get_type_hints(method)["return"])


@pytest.mark.parametrize(("rpc", "name"), METHODS.items())
async def test_an_async_method_sends_its_arguments_and_returns_the_answer(
    rpc: str, name: str, host: ApiHost, async_client: AsyncPluginAPIClient
) -> None:
    method = getattr(AsyncPluginAPIClient, name)
    given = arguments(method)
    result = await method(async_client, **given)
    assert host.asked(rpc) == [expected_request(rpc, name, given)]
    check_result(rpc, name, result, typing.get_type_hints(method)["return"])


@pytest.mark.parametrize(("rpc", "name"), METHODS.items())
def test_every_field_of_a_request_can_be_filled(rpc: str, name: str) -> None:
    request = expected_request(rpc, name, arguments(getattr(PluginAPIClient, name)))
    assert {field.name for field, _ in request.ListFields()} == {field.name for field in request.DESCRIPTOR.fields}


@pytest.mark.parametrize(("rpc", "name"), METHODS.items())
def test_optional_arguments_may_be_left_out(rpc: str, name: str, host: ApiHost, client: PluginAPIClient) -> None:
    method = getattr(PluginAPIClient, name)
    parameters = inspect.signature(method).parameters
    given = {
        name: value
        for name, value in arguments(method).items()
        if name in parameters and parameters[name].default is inspect.Parameter.empty
    }
    method(client, **given)
    assert len(host.asked(rpc)) == 1


def test_an_upload_that_is_not_complete_has_no_file(host: ApiHost, client: PluginAPIClient) -> None:
    response = answer("UploadData")
    response.ClearField("file_info")
    host.answers["UploadData"] = response
    assert client.upload_data(models.UploadSession(id="u"), b"part") is None


def test_searches_can_say_more_than_words(host: ApiHost, client: PluginAPIClient) -> None:
    searches = [models.SearchParams(terms="a", from_users=["u"]), models.SearchParams(terms="b")]
    client.search_posts_in_team("t", searches)
    client.search_posts_in_team_for_user("t", "u", models.SearchParameter(terms="c", is_or_search=True))
    assert list(host.asked("SearchPostsInTeam")[0].params_list) == [search.to_proto() for search in searches]
    assert host.asked("SearchPostsInTeamForUser")[0].search_params.is_or_search


def test_a_web_socket_event_goes_to_whom_a_mapping_says(host: ApiHost, client: PluginAPIClient) -> None:
    client.publish_web_socket_event("e", {"n": 1}, {"channel_id": "c", "omit_users": ["u"]})
    client.publish_web_socket_event("e", {"n": 1}, WebsocketBroadcast(user_id="u", omit_connection_id=True))
    client.publish_web_socket_event("e", {})
    first, second, third = host.asked("PublishWebSocketEvent")
    assert first.broadcast == api_kv_config_pb2.WebsocketBroadcast(channel_id="c", omit_users=["u"])
    assert from_struct(first.payload) == {"n": 1}
    assert second.broadcast == api_kv_config_pb2.WebsocketBroadcast(user_id="u", omit_connection_id=True)
    assert not third.HasField("broadcast")
    with pytest.raises(TypeError, match="everybody"):
        client.publish_web_socket_event("e", {}, {"everybody": True})


def test_the_group_of_a_property_is_its_own_unless_said_otherwise(host: ApiHost, client: PluginAPIClient) -> None:
    field, value = models.PropertyField(id="f", group_id="g"), models.PropertyValue(id="v", group_id="g", value=0)
    client.update_property_field(field)
    client.update_property_field(field, group_id="other")
    client.update_property_fields([field])
    client.update_property_value(value)
    client.update_property_values([value], group_id="other")
    client.update_property_values([])
    assert [request.group_id for request in host.asked("UpdatePropertyField")] == ["g", "other"]
    assert [request.group_id for request in host.asked("UpdatePropertyFields")] == ["g"]
    assert host.asked("UpdatePropertyValue") == [
        api_remaining_pb2.UpdatePropertyValueRequest(group_id="g", value=value.to_proto())
    ]
    assert [request.group_id for request in host.asked("UpdatePropertyValues")] == ["other", ""]


async def test_calls_of_one_async_client_go_side_by_side(host: ApiHost, async_client: AsyncPluginAPIClient) -> None:
    host.answers["GetTeam"] = lambda request, context: _team(request.team_id)
    teams = await asyncio.gather(*(async_client.get_team(f"{number}") for number in range(50)))
    assert [team.id for team in teams] == [f"{number}" for number in range(50)]


def _team(id: str) -> Message:
    response = answer("GetTeam")
    response.team.id = id
    message: Message = response
    return message
