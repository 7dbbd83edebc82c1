"""How the host's failures become exceptions, by both ways it can tell them."""

from __future__ import annotations

import pickle
from typing import Any

import grpc
import pytest

from mattermost_plugin import (
    AlreadyExistsError,
    AsyncPluginAPIClient,
    NotFoundError,
    PermissionDeniedError,
    PluginAPIClient,
    PluginAPIError,
    UnavailableError,
    ValidationError,
    convert_grpc_error,
)
from mattermost_plugin.api.calls import MAX_ATTEMPTS
from mattermost_plugin.exceptions import convert_app_error
from mattermost_plugin.grpc.api_user_team_pb2 import GetUserResponse
from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.grpc.user_pb2 import User
from support.api_host import ApiHost

pytestmark = pytest.mark.anyio

Code = grpc.StatusCode

STATUSES = [
    (Code.NOT_FOUND, NotFoundError, ""),
    (Code.PERMISSION_DENIED, PermissionDeniedError, ""),
    (Code.UNAUTHENTICATED, PermissionDeniedError, "Not authenticated: "),
    (Code.INVALID_ARGUMENT, ValidationError, ""),
    (Code.FAILED_PRECONDITION, ValidationError, "Precondition failed: "),
    (Code.OUT_OF_RANGE, ValidationError, "Value out of range: "),
    (Code.ALREADY_EXISTS, AlreadyExistsError, ""),
    (Code.UNAVAILABLE, UnavailableError, ""),
    (Code.DEADLINE_EXCEEDED, UnavailableError, "Request timed out: "),
    (Code.RESOURCE_EXHAUSTED, UnavailableError, "Resource exhausted: "),
    (Code.ABORTED, PluginAPIError, "Operation aborted: "),
    (Code.UNIMPLEMENTED, PluginAPIError, "Method not implemented: "),
    (Code.INTERNAL, PluginAPIError, "Internal server error: "),
    (Code.DATA_LOSS, PluginAPIError, "Data loss: "),
    (Code.CANCELLED, PluginAPIError, "Operation cancelled: "),
    (Code.UNKNOWN, PluginAPIError, "Unknown error: "),
]

APP_STATUSES = [
    (400, ValidationError),
    (401, PermissionDeniedError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (409, AlreadyExistsError),
    (413, PluginAPIError),
    (429, UnavailableError),
    (500, PluginAPIError),
    (501, PluginAPIError),
    (503, UnavailableError),
    (0, PluginAPIError),
]


def app_error(status: int) -> GetUserResponse:
    error = AppError(
        id="app.user.missing",
        message="No such user.",
        detailed_error="id=u",
        request_id="r",
        status_code=status,
        where="GetUser",
    )
    error.params.update({"Name": "u", "Count": 2})
    return GetUserResponse(error=error)


def test_each_status_is_tried() -> None:
    assert {code for code, _, _ in STATUSES} == set(Code) - {Code.OK}


@pytest.mark.parametrize(("code", "kind", "prefix"), STATUSES)
def test_a_grpc_status_becomes_its_exception(
    code: Code, kind: type[PluginAPIError], prefix: str, host: ApiHost, client: PluginAPIClient
) -> None:
    host.fail("GetUser", code, "why", times=MAX_ATTEMPTS)
    with pytest.raises(PluginAPIError) as caught:
        client.get_user("u")
    error = caught.value
    assert type(error) is kind
    assert (error.message, str(error), error.code) == (f"{prefix}why", f"{prefix}why", code)
    assert (error.error_id, error.status_code, error.detailed_error, error.where, error.params) == (
        None,
        None,
        None,
        None,
        {},
    )
    assert isinstance(error.__cause__, grpc.RpcError)


@pytest.mark.parametrize(("code", "kind", "prefix"), STATUSES)
async def test_so_it_does_in_the_async_client(
    code: Code, kind: type[PluginAPIError], prefix: str, host: ApiHost, async_client: AsyncPluginAPIClient
) -> None:
    host.fail("GetUser", code, "why", times=MAX_ATTEMPTS)
    with pytest.raises(PluginAPIError) as caught:
        await async_client.get_user("u")
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.code) == (f"{prefix}why", code)


@pytest.mark.parametrize(("status", "kind"), APP_STATUSES)
def test_an_error_in_the_response_becomes_its_exception(
    status: int, kind: type[PluginAPIError], host: ApiHost, client: PluginAPIClient
) -> None:
    host.answers["GetUser"] = app_error(status)
    with pytest.raises(PluginAPIError) as caught:
        client.get_user("u")
    error = caught.value
    assert type(error) is kind
    assert vars(error) == {
        "message": "No such user.",
        "code": None,
        "error_id": "app.user.missing",
        "status_code": status,
        "detailed_error": "id=u",
        "where": "GetUser",
        "params": {"Name": "u", "Count": 2},
        "request_id": "r",
    }


@pytest.mark.parametrize(("status", "kind"), APP_STATUSES)
async def test_so_it_does_in_the_async_client_too(
    status: int, kind: type[PluginAPIError], host: ApiHost, async_client: AsyncPluginAPIClient
) -> None:
    host.answers["GetUser"] = app_error(status)
    with pytest.raises(PluginAPIError, match="No such user") as caught:
        await async_client.get_user("u")
    assert type(caught.value) is kind


def test_an_error_without_an_id_is_none(host: ApiHost, client: PluginAPIClient) -> None:
    host.answers["GetUser"] = GetUserResponse(error=AppError(message="nothing", status_code=500), user=User(id="u"))
    assert client.get_user("u").id == "u"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "text"),
        ({"error_id": "a.b"}, "text [a.b]"),
        ({"status_code": 404}, "text (HTTP 404)"),
        ({"error_id": "a.b", "status_code": 404}, "text [a.b] (HTTP 404)"),
    ],
)
def test_an_exception_reads_as_its_message_id_and_status(options: dict[str, Any], text: str) -> None:
    assert str(NotFoundError("text", **options)) == text


def test_a_repr_tells_the_class_message_and_codes() -> None:
    shown = repr(ValidationError("text", error_id="a.b", status_code=400))
    assert shown == "ValidationError('text', error_id='a.b', status_code=400, code=None)"


def test_exceptions_are_of_one_family_and_can_be_pickled() -> None:
    error = convert_app_error(app_error(404).error)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is NotFoundError
    assert vars(copy) == vars(error)
    assert issubclass(NotFoundError, PluginAPIError)


def test_an_rpc_error_that_has_no_status_is_told_as_it_is() -> None:
    assert convert_grpc_error(grpc.RpcError("strange")).message == "API error: strange"
