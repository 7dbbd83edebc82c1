"""Models as JSON has them."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from mattermost_plugin import models
from mattermost_plugin.models import (
    Channel,
    ChannelBannerInfo,
    FileInfo,
    PluginInfo,
    Post,
    PostMetadata,
    PostPriority,
    Reaction,
    Session,
    User,
    UserAccessToken,
    WebsocketBroadcast,
)
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.json import PRIVATE, from_json, parse_json, to_json, values_of

MODELS = [kind for kind in vars(models).values() if isinstance(kind, type) and is_dataclass(kind)]
SECRETS = {"auth_data", "client_secret", "mfa_secret", "password", "remote_token", "token"}


def test_every_model_is_written_and_read_back() -> None:
    for kind in MODELS:
        written = json.loads(json.dumps(to_json(kind())))
        if kind not in (PluginInfo, WebsocketBroadcast):
            assert from_json(kind, written) == kind(), kind


def test_no_model_shows_a_secret() -> None:
    for kind in MODELS:
        names = {item.name for item in fields(kind)} & SECRETS
        assert names <= PRIVATE.get(kind, frozenset()) | ({"auth_data"} if kind is models.UserAuth else set()), kind
        assert kind is models.UserAuth or not names & to_json(kind()).keys()


def test_models_lie_in_models() -> None:
    post = Post(
        id="p", props={"a": [1, {"b": None}]}, metadata=PostMetadata(
            reactions=[Reaction(emoji_name="tea")], priority=PostPriority(priority="urgent")
        )
    )  # fmt: skip
    assert from_json(Post, to_json(post)) == post
    channel = Channel(id="c", banner_info=ChannelBannerInfo(enabled=True), group_constrained=False)
    assert from_json(Channel, to_json(channel)) == channel


def test_some_fields_have_other_names_and_forms() -> None:
    assert to_json(FileInfo(creator_id="ada", mini_preview=b"\x00\xff"))["user_id"] == "ada"
    assert from_json(FileInfo, {"user_id": "ada", "mini_preview": "AP8="}).mini_preview == b"\x00\xff"
    assert to_json(WebsocketBroadcast())["omit_users"] is None
    assert to_json(WebsocketBroadcast(omit_users=["ada"]))["omit_users"] == {"ada": True}
    assert to_json(PluginInfo(manifest={"id": "demo"})) == {"id": "demo"}
    assert to_json(Session(props={"csrf": "x", "os": "y"}))["props"] == {"os": "y"}


def test_a_secret_of_a_model_in_a_list_is_left_out_too() -> None:
    assert "secret" not in json.dumps(to_json({"a": [UserAccessToken(token="secret"), User(password="secret")]}))


def test_null_and_unknown_names_are_as_good_as_nothing() -> None:
    assert from_json(User, {"nickname": None, "colour": "red"}) == User()
    assert values_of(User, {"nickname": "x", "roles": "system_admin"}, ("nickname",)) == {"nickname": "x"}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (User, []),
        (User, {"username": 1}),
        (User, {"create_at": True}),
        (User, {"create_at": 1.5}),
        (User, {"email_verified": "true"}),
        (User, {"props": {"a": 1}}),
        (User, {"props": []}),
        (Post, {"file_ids": "abc"}),
        (Post, {"file_ids": [1]}),
        (Post, {"metadata": {"reactions": [[]]}}),
        (FileInfo, {"mini_preview": "no base64!"}),
    ],
)
def test_a_value_of_another_type_is_the_callers_fault(kind: type[Any], data: Any) -> None:
    with pytest.raises(AppFailure) as refused:
        from_json(kind, data)
    assert (refused.value.id, refused.value.status) == ("api.context.invalid_body_param.app_error", 400)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "1e400",
        str(2**53 + 1),
        "9" * 5000,
        '"\\ud800"',
        '{"\\udfff": 1}',
        "[" * 100_000,
        b"\xff",
        '"\\u0000"',
        '{"a\\u0000": 1}',
        '[{"a": ["b\\u0000c"]}]',
    ],
)
def test_json_that_can_be_kept_nowhere_is_refused(text: str | bytes) -> None:
    with pytest.raises(AppFailure):
        parse_json(text)


def test_other_json_is_kept() -> None:
    text = '{"a": [1, -2.5, true, null, "\\ud83d\\ude00"], "b": ' + str(2**53) + "}"
    assert parse_json(text) == {"a": [1, -2.5, True, None, "😀"], "b": 2**53}
