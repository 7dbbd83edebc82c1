"""What handlers may return that can keep something from happening, or change it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin import models
from mattermost_plugin.grpc import api_remaining_pb2, file_pb2, hooks_lifecycle_pb2, hooks_message_pb2, post_pb2
from mattermost_plugin.hooks import DISMISS_POST_ERROR
from mattermost_plugin.servicers import hooks_servicer
from support.hooks import asked, full_request, returned

pytestmark = pytest.mark.anyio

CHANGED_POST = post_pb2.Post(id="changed")
CHANGED_PUSH = api_remaining_pb2.PushNotification(platform="apple")
CONTENT = hooks_message_pb2.EmailNotificationContent(subject="Changed")
CHANGED: dict[str, tuple[str, Any, Any]] = {
    "MessageWillBePosted": ("modified_post", CHANGED_POST, models.Post),
    "MessageWillBeUpdated": ("modified_post", CHANGED_POST, models.Post),
    "NotificationWillBePushed": ("modified_notification", CHANGED_PUSH, models.PushNotification),
    "EmailNotificationWillBeSent": ("modified_content", CONTENT, models.EmailNotificationContent),
    "FileWillBeUploaded": ("modified_file_info", file_pb2.FileInfo(name="n"), models.FileInfo),
}
SUBJECT = {
    "MessageWillBePosted": 1,
    "MessageWillBeUpdated": 1,
    "NotificationWillBePushed": 0,
    "EmailNotificationWillBeSent": 0,
    "FileWillBeUploaded": 1,
}
"""Which argument of the handler the verdict is about."""


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("result", [None, (None, ""), (None, None), ""])
async def test_nothing_is_an_approval(name: str, result: object) -> None:
    assert (await returned(name, result)).ByteSize() == 0


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize(
    "result",
    [
        (None, "Spam detected"),
        "Spam detected",
        ValueError("Spam detected"),
        (None, models.AppError(id="x", message="Spam detected")),
    ],
)
async def test_a_reason_is_a_rejection(name: str, result: object) -> None:
    response = await returned(name, result)
    assert response.rejection_reason == "Spam detected"
    assert [field.name for field, _ in response.ListFields()] == ["rejection_reason"]


@pytest.mark.parametrize("name", CHANGED)
async def test_a_model_or_a_message_is_a_replacement(name: str) -> None:
    field, message, model = CHANGED[name]
    for thing in (message, model.from_proto(message)):
        for result in (thing, (thing, ""), (thing, None)):
            response = await returned(name, result)
            assert getattr(response, field) == message
            assert response.rejection_reason == ""


@pytest.mark.parametrize("name", CHANGED)
async def test_a_replacement_with_a_reason_is_a_rejection(name: str) -> None:
    field, message, _ = CHANGED[name]
    response = await returned(name, (message, "no"))
    assert response.rejection_reason == "no"
    assert not response.HasField(field)


@pytest.mark.parametrize("name", CHANGED)
async def test_what_comes_back_unchanged_is_not_sent_back(name: str) -> None:
    response = await asked(name, lambda self, *arguments: (arguments[SUBJECT[name]], ""))
    assert response.ByteSize() == 0


@pytest.mark.parametrize("name", ["MessageWillBePosted", "MessageWillBeUpdated"])
async def test_an_empty_object_that_a_model_does_not_tell_from_none_is_no_change(name: str) -> None:
    request = full_request(name)
    for post in (request.post,) if name == "MessageWillBePosted" else (request.new_post,):
        post.props.Clear()
        post.props.SetInParent()
    response = await asked(name, lambda self, *arguments: (arguments[1], ""), request)
    assert response.ByteSize() == 0


async def test_a_changed_post_keeps_all_the_rest() -> None:
    request = full_request("MessageWillBePosted")
    response = await asked("MessageWillBePosted", lambda self, context, post: replace(post, message="CHANGED"), request)
    request.post.message = "CHANGED"
    assert response.modified_post == request.post
    assert response.modified_post.HasField("metadata")


async def test_a_post_that_is_changed_in_place_is_a_replacement() -> None:
    def mark(self: object, context: object, post: models.Post) -> tuple[models.Post, str]:
        post.props["checked"] = True
        return post, ""

    response = await asked("MessageWillBePosted", mark)
    assert response.modified_post.props["checked"] is True


async def test_a_post_is_dismissed_by_a_constant_of_the_contract() -> None:
    assert DISMISS_POST_ERROR == "plugin.message_will_be_posted.dismiss_post"
    assert hooks_servicer.DISMISS_POST_ERROR == DISMISS_POST_ERROR
    response = await returned("MessageWillBePosted", (None, DISMISS_POST_ERROR))
    assert response.rejection_reason == DISMISS_POST_ERROR


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("result", [7, {"id": "x"}, (1, 2, 3), models.User(id="u"), ["x"]])
async def test_what_is_no_verdict_is_a_rejection_and_a_line_in_the_log(
    name: str, result: object, caplog: pytest.LogCaptureFixture
) -> None:
    response = await returned(name, result)
    assert response.rejection_reason == "A plugin could not check this, so it was not allowed."
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.message.startswith(f"Hook '{name}' gave no usable result: ")


@pytest.mark.parametrize(
    ("result", "fields"),
    [
        (b"new", {"modified_content": b"new"}),
        ((None, b"new"), {"modified_content": b"new"}),
        (
            (models.FileInfo(name="n"), b"new"),
            {"modified_file_info": file_pb2.FileInfo(name="n"), "modified_content": b"new"},
        ),
        (
            (models.FileInfo(name="n"), b"new", ""),
            {"modified_file_info": file_pb2.FileInfo(name="n"), "modified_content": b"new"},
        ),
        ((None, b"new", "no"), {"rejection_reason": "no"}),
        ((None, bytearray(b"new"), None), {"modified_content": b"new"}),
        (b"", {"rejection_reason": "A plugin could not check this, so it was not allowed."}),
    ],
)
async def test_a_file_is_replaced_by_its_content_its_description_or_both(
    result: object, fields: dict[str, Any]
) -> None:
    assert await returned("FileWillBeUploaded", result) == hooks_message_pb2.FileWillBeUploadedResponse(**fields)


async def test_the_same_content_is_not_sent_back() -> None:
    response = await asked("FileWillBeUploaded", lambda self, context, info, content: (info, content))
    assert response.ByteSize() == 0


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, ""),
        ("", ""),
        (True, ""),
        (7, ""),
        ((None, None), ""),
        ("locked", "locked"),
        (LookupError("locked"), "locked"),
        ((None, "locked"), "locked"),
    ],
)
async def test_a_login_is_refused_by_a_text_or_an_exception(result: object, reason: str) -> None:
    assert (await returned("UserWillLogIn", result)).rejection_reason == reason


async def test_consumed_posts_are_replaced_by_a_list() -> None:
    request = full_request("MessagesWillBeConsumed")
    for kept in (request.posts[0], models.Post.from_proto(request.posts[0])):
        for result in ([kept], (kept,), iter([kept])):
            assert list((await returned("MessagesWillBeConsumed", result)).posts) == [request.posts[0]]


async def test_an_empty_list_of_consumed_posts_hides_all() -> None:
    assert len((await returned("MessagesWillBeConsumed", [])).posts) == 0


async def test_consumed_posts_stay_without_a_result() -> None:
    request = full_request("MessagesWillBeConsumed")
    assert (await returned("MessagesWillBeConsumed", None)).posts == request.posts


@pytest.mark.parametrize("result", [7, "text", {"id": "x"}, post_pb2.Post()])
async def test_consumed_posts_stay_and_a_warning_tells_of_something_that_is_no_list(
    result: object, caplog: pytest.LogCaptureFixture
) -> None:
    request = full_request("MessagesWillBeConsumed")
    assert (await returned("MessagesWillBeConsumed", result)).posts == request.posts
    assert [record.levelname for record in caplog.records if record.name == "mattermost_plugin.hooks"] == ["WARNING"]


CONFIG = hooks_lifecycle_pb2.ConfigJson(config_json=b'{"a": 1}')


@pytest.mark.parametrize("result", [None, (None, None), (None, "")])
async def test_a_configuration_is_saved_unless_a_handler_says_otherwise(result: object) -> None:
    assert (await returned("ConfigurationWillBeSaved", result)).ByteSize() == 0


@pytest.mark.parametrize(
    "result", [CONFIG, (CONFIG, None), models.ConfigJson.from_proto(CONFIG), (models.ConfigJson.from_proto(CONFIG), "")]
)
async def test_a_configuration_is_replaced(result: object) -> None:
    response = await returned("ConfigurationWillBeSaved", result)
    assert response.modified_config == CONFIG
    assert not response.HasField("error")


async def test_an_unchanged_configuration_is_not_sent_back() -> None:
    assert (await asked("ConfigurationWillBeSaved", lambda self, config: (config, None))).ByteSize() == 0


@pytest.mark.parametrize(
    "result", [(None, "bad"), (CONFIG, ValueError("bad")), "bad", (None, models.AppError(message="bad"))]
)
async def test_a_configuration_is_rejected(result: object) -> None:
    response = await returned("ConfigurationWillBeSaved", result)
    assert not response.HasField("modified_config")
    error = response.error
    assert (error.id, error.message) == ("plugin.configuration_will_be_saved.rejected", "bad")
    assert error.where == "ConfigurationWillBeSaved"
