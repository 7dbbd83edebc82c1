"""Request and response values that are not simply parameters and fields: what the API table's expressions call."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mattermost_plugin import values
from mattermost_plugin.grpc import api_channel_post_pb2, api_kv_config_pb2, post_pb2
from mattermost_plugin.models import (
    PluginKVSetOptions,
    Post,
    PostList,
    PropertyField,
    PropertyValue,
    SearchParameter,
    SearchParams,
    WebsocketBroadcast,
)


def stored(value: bytes) -> bytes:
    """A value for the key-value store.

    Raises:
        ValueError: it is empty.
    """
    if value:
        return value
    raise ValueError("an empty value cannot be stored, the host would delete the key: use kv_delete for that")


def expected(old_value: bytes | None) -> bytes:
    """The value that a compare-and-set expects; None stands for no value.

    Raises:
        ValueError: it is empty.
    """
    if old_value is None:
        return b""
    if old_value:
        return old_value
    raise ValueError("old_value is empty, which no stored value is: pass None for a key that must not exist")


def set_options(options: PluginKVSetOptions) -> api_kv_config_pb2.PluginKVSetOptions:
    """The options of `kv_set_with_options`.

    Raises:
        ValueError: the old value is empty.
    """
    expected(options.old_value)
    return options.to_proto()


def member_identifiers(members: Iterable[tuple[str, str]]) -> list[api_channel_post_pb2.ChannelMemberIdentifier]:
    """Pairs of a channel's and a user's id."""
    return [
        api_channel_post_pb2.ChannelMemberIdentifier(channel_id=channel_id, user_id=user_id)
        for channel_id, user_id in members
    ]


def searches(terms: str | Sequence[SearchParams]) -> list[api_channel_post_pb2.SearchParams]:
    """One search for words, or the searches given."""
    if isinstance(terms, str):
        return [api_channel_post_pb2.SearchParams(terms=terms)]
    return [search.to_proto() for search in terms]


def search(terms: str | SearchParameter) -> api_channel_post_pb2.SearchParameter:
    """A search as users type it, or the one given."""
    if isinstance(terms, str):
        return api_channel_post_pb2.SearchParameter(terms=terms)
    return terms.to_proto()


def post_list(posts: Iterable[post_pb2.Post]) -> PostList:
    """Posts in an order, as the other rpcs give them."""
    models = [Post.from_proto(post) for post in posts]
    return PostList(order=[post.id for post in models], posts={post.id: post for post in models})


def group_of(members: Sequence[PropertyField | PropertyValue]) -> str:
    """The property group of fields or values that share one."""
    return members[0].group_id if members else ""


def broadcast(target: WebsocketBroadcast | Mapping[str, Any] | None) -> api_kv_config_pb2.WebsocketBroadcast | None:
    """Who gets a WebSocket event.

    Raises:
        TypeError: the mapping has a key that is no field.
    """
    if target is None:
        return None
    model = WebsocketBroadcast(**target) if isinstance(target, Mapping) else target
    return model.to_proto()


def json_object(text: bytes) -> dict[str, Any]:
    """The object in some JSON; empty for none."""
    found: dict[str, Any] = json.loads(text or b"{}")
    return found


def log_fields(fields: Mapping[str, Any]) -> list[api_kv_config_pb2.KeyValuePair]:
    """The fields of a log record."""
    return [
        api_kv_config_pb2.KeyValuePair(key=key, value=values.to_value(_log_value(value)))
        for key, value in fields.items()
    ]


def _log_value(value: object) -> object:
    """What the wire can hold exactly, and anything else as text: no field is worth losing the record."""
    if isinstance(value, int):
        return value if abs(value) <= values.EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str) else str(value)
