"""What a caller did wrong, as Mattermost names it.

An `AppFailure` is an answer, not a fault of ours: over gRPC it becomes the response's AppError, over REST the JSON of
an error. Whatever else is raised is a fault of ours, is logged, and reaches nobody in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class AppFailure(Exception):
    """A call cannot be done, and this is what its caller is told.

    Attributes:
        id: what went wrong, as Mattermost's error ids have it: `app.user.missing_account.const`.
        message: one sentence for people.
        status: the HTTP status.
        where: the operation.
        detail: more for those who look into it; nothing secret.
        params: values that belong to the message.
    """

    def __init__(
        self,
        id: str,
        message: str,
        status: int = HTTPStatus.BAD_REQUEST,
        *,
        where: str = "",
        detail: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{id}: {message}")
        self.id = id
        self.message = message
        self.status = int(status)
        self.where = where
        self.detail = detail
        self.params = dict(params or {})


def not_found(id: str, what: str, *, where: str = "", detail: str = "") -> AppFailure:
    """404: there is no such thing; `what` names it, as in "user"."""
    return AppFailure(id, f"There is no such {what}.", HTTPStatus.NOT_FOUND, where=where, detail=detail)


def invalid(id: str, message: str, *, where: str = "", detail: str = "", **params: Any) -> AppFailure:
    """400: what was sent is not acceptable."""
    return AppFailure(id, message, HTTPStatus.BAD_REQUEST, where=where, detail=detail, params=params)


def exists(id: str, message: str, *, where: str = "", status: int = HTTPStatus.BAD_REQUEST) -> AppFailure:
    """There is such a thing already. Mattermost mostly says 400, and here and there 409."""
    return AppFailure(id, message, status, where=where)


def forbidden(id: str, message: str, *, where: str = "") -> AppFailure:
    """403: the user may not do this."""
    return AppFailure(id, message, HTTPStatus.FORBIDDEN, where=where)


def unauthorized(id: str, message: str, *, where: str = "") -> AppFailure:
    """401: who calls has not shown who they are."""
    return AppFailure(id, message, HTTPStatus.UNAUTHORIZED, where=where)


def too_many(id: str, message: str, *, where: str = "") -> AppFailure:
    """429: not now."""
    return AppFailure(id, message, HTTPStatus.TOO_MANY_REQUESTS, where=where)


def not_implemented(rpc: str) -> AppFailure:
    """501: this host does not do that; the text names the rpc."""
    return AppFailure(
        "plugin_api.not_implemented.app_error",
        f"{rpc} is not implemented by this host.",
        HTTPStatus.NOT_IMPLEMENTED,
        where=rpc,
    )
