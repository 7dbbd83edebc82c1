"""Models hold everything their messages do, there and back."""

from __future__ import annotations

import dataclasses
import pickle
import runpy
import typing
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin import models
from mattermost_plugin.grpc import api_pb2, api_remaining_pb2, channel_pb2, hooks_pb2, post_pb2, team_pb2
from mattermost_plugin.values import EXACT, from_struct, from_value, to_struct, to_value
from support.api_host import filled

GENERATE = Path(__file__).parents[3] / "sdk" / "generate"

MODELS: dict[str, Any] = {name: cls for name in models.__all__ if hasattr(cls := getattr(models, name), "from_proto")}

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 9),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}
TEXT = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def message_class(model: Any) -> Any:
    return typing.get_type_hints(model.from_proto)["message"]


def json_value(value: Any) -> struct_pb2.Value:
    """What protobuf itself makes of a plain value."""
    values = struct_pb2.ListValue()
    values.extend([value])
    return values.values[0]


def structs() -> st.SearchStrategy[struct_pb2.Struct]:
    """Structs that hold something: an empty one is as good as none."""

    def struct(values: dict[str, Any]) -> struct_pb2.Struct:
        made = struct_pb2.Struct()
        made.update(values)
        return made

    return st.dictionaries(TEXT, JSON, min_size=1, max_size=3).map(struct)


def field_values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, depth + 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    return NUMBERS.get(field.cpp_type, TEXT)


def messages(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any message of a kind."""
    if descriptor.full_name == "google.protobuf.Struct":
        return structs()
    if descriptor.full_name == "google.protobuf.Value":
        return JSON.filter(lambda value: value is not None).map(json_value)
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field_values(field.message_type.fields_by_name["value"], depth)
            fields[field.name] = st.dictionaries(TEXT, value, max_size=2)
        elif depth <= 1 or field.message_type is None:
            single = field_values(field, depth)
            fields[field.name] = st.lists(single, max_size=2) if field.is_repeated else single
    cls = message_factory.GetMessageClass(descriptor)
    return st.fixed_dictionaries({}, optional=fields).map(lambda values: cls(**values))


@pytest.mark.parametrize("name", MODELS)
def test_any_message_survives_the_way_through_its_model(name: str) -> None:
    model = MODELS[name]

    @given(messages(message_class(model).DESCRIPTOR))
    def survives(message: Any) -> None:
        made = model.from_proto(message)
        assert made.to_proto() == message
        assert model.from_proto(made.to_proto()) == made

    survives()


@pytest.mark.parametrize("name", MODELS)
def test_every_field_of_a_message_is_in_its_model(name: str) -> None:
    message = message_class(MODELS[name])
    renamed = {"mattermostAppId": "mattermost_app_id"}
    expected = {renamed.get(field.name, field.name) for field in message.DESCRIPTOR.fields}
    assert {field.name for field in dataclasses.fields(MODELS[name])} == expected
    default = MODELS[name]()
    filled_model = MODELS[name].from_proto(filled(message.DESCRIPTOR))
    assert all(getattr(filled_model, field) != getattr(default, field) for field in expected - {"is_active"})


@pytest.mark.parametrize("name", models.__all__)
def test_models_are_frozen_and_have_slots(name: str) -> None:
    if name in ("ChannelType", "TeamType"):
        return
    model = getattr(models, name)()
    field = dataclasses.fields(model)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model, field, "x")
    assert not hasattr(model, "__dict__")
    assert dataclasses.replace(model) == model == pickle.loads(pickle.dumps(model))


def test_every_message_that_an_rpc_carries_is_a_model_or_named_as_none() -> None:
    flattened = runpy.run_path(str(GENERATE / "model_table.py"))["FLATTENED"]
    services = [api_pb2.DESCRIPTOR.services_by_name["PluginAPI"], hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"]]
    rpcs = [rpc for service in services for rpc in service.methods if rpc.name != "ServeHTTP"]
    envelopes = {kind for rpc in rpcs for kind in (rpc.input_type, rpc.output_type)}
    carried = _reachable(envelopes)
    modelled = {message_class(model).DESCRIPTOR.full_name for model in MODELS.values()}
    ours = {kind.full_name for kind in carried if kind.file.package == "mattermost.pluginapi.v1"}
    assert ours - modelled == {f"mattermost.pluginapi.v1.{name}" for name in flattened}
    assert modelled <= ours


def _reachable(kinds: set[Descriptor]) -> set[Descriptor]:
    found: set[Descriptor] = set()
    waiting = list(kinds)
    while waiting:
        for field in waiting.pop().fields:
            kind = field.message_type
            if kind is None or kind in found:
                continue
            found.add(kind)
            waiting.append(kind)
    return {kind for kind in found if not kind.GetOptions().map_entry}


def test_ints_in_props_stay_ints() -> None:
    props = {"count": 3, "ratio": 0.5, "whole": 2.0, "edge": EXACT, "deep": [{"n": -1}], "true": True, "none": None}
    post = models.Post.from_proto(models.Post(props=props).to_proto())
    assert post.props == props
    assert [type(post.props[name]) for name in ("count", "ratio", "whole", "edge", "true")] == [
        int,
        float,
        int,
        int,
        bool,
    ]
    assert type(post.props["deep"][0]["n"]) is int


def test_large_floats_stay_floats() -> None:
    assert type(from_value(to_value(1e300))) is float
    assert from_value(to_value(float("inf"))) == float("inf")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (EXACT + 1, "beyond 2\\^53"),
        (-EXACT - 1, "beyond 2\\^53"),
        ({1: "x"}, "no key of a JSON object"),
        (object, "no JSON value"),
        (b"bytes", "no JSON value"),
        ({1, 2}, "no JSON value"),
    ],
)
def test_what_json_does_not_have_is_refused(value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        models.Post(props={"deep": [value]}).to_proto()


def test_tuples_go_as_lists() -> None:
    assert from_struct(to_struct({"pair": (1, 2)}) or struct_pb2.Struct()) == {"pair": [1, 2]}


def test_an_empty_object_and_an_absent_one_are_the_same() -> None:
    post = post_pb2.Post(props=struct_pb2.Struct())
    assert models.Post.from_proto(post) == models.Post.from_proto(post_pb2.Post()) == models.Post()
    assert not models.Post().to_proto().HasField("props")


def test_metadata_and_participants_of_a_post_are_kept() -> None:
    post = models.Post.from_proto(filled(post_pb2.Post.DESCRIPTOR))
    assert post.metadata is not None
    assert post.metadata.priority == models.PostPriority("priority 1", True, True)
    assert post.metadata.images["key"].width == 101
    assert post.participants[0].username == "username 1"
    assert dataclasses.replace(post, message="new").to_proto().metadata == post.metadata.to_proto()


@pytest.mark.parametrize(
    ("cls", "letter", "number"),
    [
        (models.Team, "O", team_pb2.TEAM_TYPE_OPEN),
        (models.Team, "I", team_pb2.TEAM_TYPE_INVITE),
        (models.Team, "", team_pb2.TEAM_TYPE_UNSPECIFIED),
        (models.Team, "7", 7),
        (models.Channel, models.ChannelType.OPEN, channel_pb2.CHANNEL_TYPE_OPEN),
        (models.Channel, models.ChannelType.PRIVATE, channel_pb2.CHANNEL_TYPE_PRIVATE),
        (models.Channel, models.ChannelType.DIRECT, channel_pb2.CHANNEL_TYPE_DIRECT),
        (models.Channel, models.ChannelType.GROUP, channel_pb2.CHANNEL_TYPE_GROUP),
    ],
)
def test_types_are_letters(cls: Any, letter: str, number: int) -> None:
    message = cls(type=letter).to_proto()
    assert message.type == number
    assert cls.from_proto(message).type == letter


def test_an_unknown_letter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'X' is no type: it has to be one of '', 'O', 'I'"):
        models.Team(type="X").to_proto()


def test_the_references_positional_arguments_mean_the_same() -> None:
    assert models.Post("id", "channel", "user", "message").message == "message"
    assert models.User("id", "name", "mail").email == "mail"
    assert models.Channel("id", "team", "display", "name").name == "name"
    assert models.Team("id", "display", "name").name == "name"
    assert models.Reaction("user", "post", "smile").emoji_name == "smile"
    assert models.PostList([], {}, "next", "previous", True).has_next


def test_the_references_defaults_are_kept() -> None:
    assert models.Team().type == models.Channel().type == "O"
    assert models.UserAccessToken().is_active
    assert models.UploadSession().type == "attachment"
    assert models.BotGetOptions().per_page == 60
    assert models.Command().method == "P"


def test_options_of_a_dialog_are_dicts() -> None:
    element = models.DialogElement(name="size", options=[{"text": "Small", "value": "s"}])
    assert element.to_proto().options[0] == api_remaining_pb2.DialogElementOption(text="Small", value="s")
    assert models.DialogElement.from_proto(element.to_proto()) == element


def test_an_error_of_one_member_keeps_everything_and_reads_as_its_text() -> None:
    error = models.AppError(id="app.id", message="no such user", status_code=404, params={"n": 1})
    member = models.TeamMemberWithError("u", error=error)
    assert models.TeamMemberWithError.from_proto(member.to_proto()) == member
    assert f"{member.error}" == "no such user"


def test_no_secret_is_in_a_repr() -> None:
    secret = "hunter2"
    shown = [
        models.User(password=secret, mfa_secret=secret),
        models.Session(token=secret),
        models.UserAccessToken(token=secret),
        models.OAuthApp(client_secret=secret),
        models.Command(token=secret),
        models.RemoteCluster(token=secret, remote_token=secret),
    ]
    assert not [model for model in shown if secret in repr(model)]


def test_every_type_of_field_is_tried() -> None:
    known = {*NUMBERS, FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_MESSAGE}
    assert {field.cpp_type for model in MODELS.values() for field in message_class(model).DESCRIPTOR.fields} <= known
