"""What the host answers instead of a result, whether it says so in the response or with a gRPC status.

These are the host's errors. What is wrong on this side of the wire is a ValueError, a TypeError or a RuntimeError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.statuses import CallFailed, Status, status_of
from mattermost_plugin.values import from_struct

if TYPE_CHECKING:  # it takes long to import, and not every plugin needs it
    import grpc


class PluginAPIError(Exception):
    """A call of the host's API failed.

    Args:
        message: for people.
        code: the gRPC status, when the failure came as one.
        error_id: a dotted key that stays the same across languages, when the failure came in the response.
        status_code: an HTTP status, likewise.
        detailed_error: for logs; it may tell internals.
        where: the host's function that failed.
        params: values for the placeholders in the translation of `error_id`.
        request_id: the id of the HTTP request that failed, as in the host's log.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        error_id: str | None = None,
        status_code: int | None = None,
        detailed_error: str | None = None,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.error_id = error_id
        self.status_code = status_code
        self.detailed_error = detailed_error
        self.where = where
        self.params = dict(params or {})
        self.request_id = request_id

    def __str__(self) -> str:
        error_id = f" [{self.error_id}]" if self.error_id else ""
        status = f" (HTTP {self.status_code})" if self.status_code else ""
        return f"{self.message}{error_id}{status}"

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.message!r}, error_id={self.error_id!r}, status_code={self.status_code!r},"
            f" code={self.code!r})"
        )


class NotFoundError(PluginAPIError):
    """There is no such thing."""


class PermissionDeniedError(PluginAPIError):
    """The plugin, or the user it acts for, may not do this."""


class ValidationError(PluginAPIError):
    """The host does not accept what was sent."""


class AlreadyExistsError(PluginAPIError):
    """There is such a thing already."""


class UnavailableError(PluginAPIError):
    """The host could not be reached, did not answer in time, or is asked for too much."""


BY_STATUS_CODE: Mapping[int, type[PluginAPIError]] = {
    400: ValidationError,
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: AlreadyExistsError,
    429: UnavailableError,
    503: UnavailableError,
}

BY_STATUS: Mapping[Status, tuple[type[PluginAPIError], str]] = {
    Status.NOT_FOUND: (NotFoundError, ""),
    Status.PERMISSION_DENIED: (PermissionDeniedError, ""),
    Status.UNAUTHENTICATED: (PermissionDeniedError, "Not authenticated: "),
    Status.INVALID_ARGUMENT: (ValidationError, ""),
    Status.FAILED_PRECONDITION: (ValidationError, "Precondition failed: "),
    Status.OUT_OF_RANGE: (ValidationError, "Value out of range: "),
    Status.ALREADY_EXISTS: (AlreadyExistsError, ""),
    Status.UNAVAILABLE: (UnavailableError, ""),
    Status.DEADLINE_EXCEEDED: (UnavailableError, "Request timed out: "),
    Status.RESOURCE_EXHAUSTED: (UnavailableError, "Resource exhausted: "),
    Status.ABORTED: (PluginAPIError, "Operation aborted: "),
    Status.UNIMPLEMENTED: (PluginAPIError, "Method not implemented: "),
    Status.INTERNAL: (PluginAPIError, "Internal server error: "),
    Status.DATA_LOSS: (PluginAPIError, "Data loss: "),
    Status.CANCELLED: (PluginAPIError, "Operation cancelled: "),
    Status.UNKNOWN: (PluginAPIError, "Unknown error: "),
}
"""The exception for each gRPC status, and what its message begins with."""


@runtime_checkable
class _Told(Protocol):
    """What the errors of gRPC's blocking and asyncio calls have in common."""

    def code(self) -> grpc.StatusCode: ...

    def details(self) -> str | None: ...


def convert_grpc_error(error: grpc.RpcError | CallFailed) -> PluginAPIError:
    """The exception for a call that ended with a gRPC status."""
    if isinstance(error, CallFailed):
        return _failure(error.status, error.details)
    if isinstance(error, _Told):
        return _failure(status_of(error.code().value[0]), error.details())
    return PluginAPIError(f"API error: {error}")


def _failure(status: Status, details: str | None) -> PluginAPIError:
    from grpc import StatusCode  # here, because what a plugin is told with an error is what it tells

    kind, prefix = BY_STATUS.get(status, (PluginAPIError, "API error: "))
    return kind(f"{prefix}{details or ''}", code=StatusCode[status.name])


def convert_app_error(error: AppError) -> PluginAPIError:
    """The exception for an error in a response."""
    kind = BY_STATUS_CODE.get(error.status_code, PluginAPIError)
    return kind(
        error.message,
        error_id=error.id,
        status_code=error.status_code,
        detailed_error=error.detailed_error,
        where=error.where,
        params=from_struct(error.params),
        request_id=error.request_id,
    )
