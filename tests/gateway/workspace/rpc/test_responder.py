"""What handlers return becomes the response of their rpc, and all of it arrives there."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from google.protobuf.struct_pb2 import Struct

from mattermost_plugin.grpc import api_file_bot_pb2, api_user_team_pb2
from mattermost_plugin.models import Channel, User
from mattermost_plugin.values import from_struct
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rpc.responder import result_fields
from servehttp.workspace.rpc.table import HANDLERS, RESPONDERS, RPCS

PLAIN = {str: "text", bytes: b"bytes", bool: True, int: 7, type(None): None}


def example(hint: Any) -> Any:
    """A value of what handlers say they return."""
    if hint in PLAIN:
        return PLAIN[hint]
    if is_typeddict(hint):
        return {name: example(kind) for name, kind in get_type_hints(hint).items()}
    if get_origin(hint) in (list, UnionType):
        item = example(get_args(hint)[0])
        return [item] if get_origin(hint) is list else item
    return hint() if get_origin(hint) is None else {"name": "value"}


def read(value: Any, like: Any) -> Any:
    """What a response has, as a handler would have returned it."""
    if isinstance(like, list):
        return [read(item, like[0]) for item in value]
    if isinstance(like, dict):
        return from_struct(value) if isinstance(value, Struct) else dict(value)
    return type(like).from_proto(value) if hasattr(like, "to_proto") else value


def wrongs(rpc: str) -> list[str]:
    """The fields that do not have what the handler of an rpc says that it returns."""
    returned, fields = example(get_type_hints(HANDLERS[rpc])["return"]), result_fields(RPCS[rpc])
    response = RESPONDERS[rpc].result(returned)
    expected = {fields[0].name: returned} if len(fields) == 1 else returned or {}
    found = {field.name: read(getattr(response, field.name), expected.get(field.name)) for field in fields}
    alike = expected == found and list(map(type, expected.values())) == [type(found[name]) for name in expected]
    return [] if alike else [f"{rpc}: {expected} came as {found}"]


@pytest.mark.parametrize("rpc", HANDLERS)
def test_every_response_holds_what_its_handler_returns(rpc: str) -> None:
    assert wrongs(rpc) == []


@pytest.mark.parametrize(
    ("rpc", "value"),
    [
        ("GetUser", "text"),
        ("GetUser", Channel()),
        ("GetUsers", User()),
        ("GetUsers", [Channel()]),
        ("GetServerVersion", 7),
        ("GetPluginConfig", {"name": object()}),
        ("PluginHTTP", {"status": 200}),
        ("DeleteUser", True),
    ],
)
def test_what_a_response_cannot_hold_is_refused(rpc: str, value: Any) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)):
        RESPONDERS[rpc].result(value)


def test_no_model_is_no_message() -> None:
    response = RESPONDERS["UploadData"].result(None)
    assert response == api_file_bot_pb2.UploadDataResponse()


def test_a_failure_is_the_error_of_a_response_without_a_result() -> None:
    response = RESPONDERS["GetUser"].failure(AppFailure("an.id", "Words.", 404, where="here", params={"n": 1}))
    assert isinstance(response, api_user_team_pb2.GetUserResponse)
    assert (response.error.id, response.error.status_code, response.error.where) == ("an.id", 404, "here")
    assert from_struct(response.error.params) == {"n": 1}
    assert not response.HasField("user")
