"""Errors as Mattermost's REST API writes them. Of a fault of ours nobody is told more than that there was one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from mattermost_plugin.request_id import request_id_of
from servehttp.workspace.errors import AppFailure

INTERNAL = AppFailure("api.internal.app_error", "The host failed; its log says why.", HTTPStatus.INTERNAL_SERVER_ERROR)
UNAVAILABLE = AppFailure(
    "api.store.unavailable.app_error",
    "The workspace's database is not available at the moment. Try again later.",
    HTTPStatus.SERVICE_UNAVAILABLE,
)
MESSAGE_MAX = 4096
"""Characters of a message; it may quote what was sent, or what a plugin says."""
RETRY_AFTER = 5
"""Seconds after which a client may ask again."""


def error_json(failure: AppFailure, request_id: str) -> dict[str, Any]:
    """What a caller is told of a failure. `detail` is for the log alone: it may have what plugins' exceptions say."""
    return {
        "id": failure.id,
        "message": failure.message[:MESSAGE_MAX],
        "detailed_error": "",
        "request_id": request_id,
        "status_code": failure.status,
    }


def error_response(failure: AppFailure, request_id: str) -> JSONResponse:
    """The answer that tells of a failure."""
    headers = {"X-Request-Id": request_id}
    return JSONResponse(error_json(failure, request_id), status_code=failure.status, headers=headers)


def unavailable_response(request_id: str) -> JSONResponse:
    """The answer while the store does not serve."""
    response = error_response(UNAVAILABLE, request_id)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def too_large(limit: int) -> AppFailure:
    """413: the body has more than so many bytes."""
    return AppFailure(
        "api.context.request_body_too_large.app_error",
        f"The body is larger than {limit} bytes.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


async def no_route(request: Request, error: Exception) -> JSONResponse:
    """404 or 405: nothing is served at this address, or not by this method."""
    assert isinstance(error, HTTPException)
    text = f"There is no {request.method} {request.url.path}."
    failure = AppFailure("api.context.404.app_error", text, error.status_code)
    response = error_response(failure, request_id_of(request.scope))
    response.headers.update(error.headers or {})
    return response
