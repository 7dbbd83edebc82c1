"""What the other handlers may return: command responses, counts, files, sync results, errors."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mattermost_plugin import CommandResponse, HookName, Plugin, models
from mattermost_plugin.grpc import api_remaining_pb2, file_pb2, hooks_command_pb2
from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.servicers.results import error_id
from support.hooks import RPCS, UNARY, ask, full_request, returned
from support.plugin_host import serving

pytestmark = pytest.mark.anyio

RESPONSE = api_remaining_pb2.CommandResponse(response_type="ephemeral", text="Hello")
FILE = file_pb2.FileData(filename="log.txt", data=b"lines")
OTHER_FILE = file_pb2.FileData(filename="more.txt")
SYNCED = hooks_command_pb2.SyncResponse(users_last_update_at=7, post_errors=["p"])

FALLIBLE = (
    "OnActivate",
    "OnInstall",
    "OnSAMLLogin",
    "OnSharedChannelsAttachmentSyncMsg",
    "OnSharedChannelsProfileImageSyncMsg",
)
SILENT = tuple(name for name in UNARY if not RPCS[name].output_type.fields)
"""The hooks whose response has no fields."""

ABSENT: dict[str, dict[str, Any]] = {
    "MessagesWillBeConsumed": {"posts": full_request("MessagesWillBeConsumed").posts},
    "OnSharedChannelsPing": {"healthy": True},
    "OnSharedChannelsSyncMsg": {"response": hooks_command_pb2.SyncResponse()},
    "ExecuteCommand": {
        "error": AppError(
            id="plugin.execute_command.not_implemented",
            message="the plugin has no handler for ExecuteCommand",
            detailed_error="the plugin has no handler for ExecuteCommand",
            status_code=501,
            where="ExecuteCommand",
        )
    },
}
"""What the response of a plugin without a handler holds; of other hooks it is empty."""


@pytest.mark.parametrize("name", UNARY)
async def test_a_plugin_without_a_handler_changes_nothing(name: str) -> None:
    async with serving(Plugin()) as (_, host):
        response = await ask(host, name)
    assert {field.name: value for field, value in response.ListFields()} == ABSENT.get(name, {})


@pytest.mark.parametrize("name", SILENT)
async def test_what_a_notified_handler_returns_means_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    for result in ("whatever", 7, ValueError("x")):
        assert (await returned(name, result)).ByteSize() == 0
    assert not caplog.records


@pytest.mark.parametrize("name", FALLIBLE)
@pytest.mark.parametrize("result", [None, "", True, 7])
async def test_a_handler_that_returns_no_error_has_done_its_work(name: str, result: object) -> None:
    assert not (await returned(name, result)).HasField("error")


@pytest.mark.parametrize("name", FALLIBLE)
@pytest.mark.parametrize("result", ["no licence", LookupError("no licence"), (None, "no licence")])
async def test_a_text_or_an_exception_is_an_error(name: str, result: object) -> None:
    error = (await returned(name, result)).error
    assert (error.id, error.message, error.where) == (error_id(HookName(name)), "no licence", name)
    assert error.status_code == 500


@pytest.mark.parametrize("name", FALLIBLE)
async def test_an_app_error_is_handed_on_with_an_id(name: str) -> None:
    given = models.AppError(message="quota", status_code=429, params={"left": 0}, where="Here")
    for result in (given, given.to_proto()):
        error = models.AppError.from_proto((await returned(name, result)).error)
        assert (error.id, error.message, error.status_code) == (error_id(HookName(name)), "quota", 429)
        assert (error.params, error.where) == ({"left": 0}, "Here")


@pytest.mark.parametrize(
    "result",
    [
        RESPONSE,
        CommandResponse.from_proto(RESPONSE),
        {"response_type": "ephemeral", "text": "Hello"},
        (CommandResponse.from_proto(RESPONSE), None),
    ],
)
async def test_a_command_is_answered_by_a_model_a_message_or_a_dict(result: object) -> None:
    response = await returned("ExecuteCommand", result)
    assert response.response == RESPONSE
    assert not response.HasField("error")


async def test_a_command_may_be_answered_by_nothing() -> None:
    assert (await returned("ExecuteCommand", None)).ByteSize() == 0


async def test_a_dict_holds_what_a_command_response_holds() -> None:
    result: dict[str, Any] = {
        "text": "x",
        "props": {"attachments": [{"title": "t", "n": 1}]},
        "skip_slack_parsing": True,
    }
    response = (await returned("ExecuteCommand", result)).response
    assert CommandResponse.from_proto(response) == CommandResponse(**result)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"text": "x", "colour": "red"}, "a command's response has no 'colour'"),
        (7, "int where CommandResponse is expected"),
    ],
)
async def test_what_answers_no_command_is_an_error(
    result: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = (await returned("ExecuteCommand", result)).error
    assert error.id == "plugin.execute_command.error"
    assert error.detailed_error == f"Hook 'ExecuteCommand' gave no usable result: {reason}"
    assert reason in caplog.text


@pytest.mark.parametrize("result", ["no such town", (None, "no such town"), LookupError("no such town")])
async def test_a_command_may_be_refused(result: object) -> None:
    error = (await returned("ExecuteCommand", result)).error
    assert (error.id, error.message) == ("plugin.execute_command.error", "no such town")


@pytest.mark.parametrize(
    ("result", "count", "text"),
    [
        (None, 0, ""),
        (50, 50, ""),
        ((50, None), 50, ""),
        ((0, "disk"), 0, "disk"),
        ((3, OSError("disk")), 3, "disk"),
        ((0, 7), 0, "7"),
    ],
)
async def test_retention_tells_how_much_it_deleted(result: object, count: int, text: str) -> None:
    response = await returned("RunDataRetention", result)
    assert (response.deleted_count, response.error.message) == (count, text)


@pytest.mark.parametrize(
    ("result", "files"),
    [
        (None, []),
        ([], []),
        (([], None), []),
        ([FILE], [FILE]),
        ([models.FileData.from_proto(FILE)], [FILE]),
        (([FILE], None), [FILE]),
        ((FILE, OTHER_FILE), [FILE, OTHER_FILE]),
        ((FILE,), [FILE]),
    ],
)
async def test_support_data_is_a_list_of_files(result: object, files: list[Any]) -> None:
    response = await returned("GenerateSupportData", result)
    assert list(response.files) == files
    assert not response.HasField("error")


async def test_support_data_may_come_with_an_error() -> None:
    response = await returned("GenerateSupportData", ([FILE], "half of it"))
    assert (list(response.files), response.error.message) == ([FILE], "half of it")


@pytest.mark.parametrize("result", [SYNCED, models.SyncResponse.from_proto(SYNCED), (SYNCED, None)])
async def test_a_sync_message_is_answered_by_how_far_it_got(result: object) -> None:
    response = await returned("OnSharedChannelsSyncMsg", result)
    assert response.response == SYNCED
    assert not response.HasField("error")


async def test_a_sync_message_may_fail() -> None:
    response = await returned("OnSharedChannelsSyncMsg", (None, "no space"))
    assert response.error.message == "no space"
    assert response.response == hooks_command_pb2.SyncResponse()


@pytest.mark.parametrize(("result", "healthy"), [(None, True), (True, True), (False, False), (0, False), ("up", True)])
async def test_a_ping_is_answered_by_yes_or_no(result: object, healthy: bool) -> None:
    assert (await returned("OnSharedChannelsPing", result)).healthy is healthy


@pytest.mark.parametrize(
    ("name", "result"),
    [("RunDataRetention", ("many", None)), ("GenerateSupportData", ["log.txt"]), ("OnSharedChannelsSyncMsg", 7)],
)
async def test_an_unusable_result_is_an_error(name: str, result: object, caplog: pytest.LogCaptureFixture) -> None:
    assert (await returned(name, result)).error.id == error_id(HookName(name))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], TypeError)
