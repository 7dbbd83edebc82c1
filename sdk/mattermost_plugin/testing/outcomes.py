"""What comes of a hook, as the host sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from google.protobuf.message import Message

from mattermost_plugin import models

MODIFIED = "modified_"
"""What the names of a response's fields begin with that hold a replacement."""
REFUSALS = ("error", "rejection_reason")


@dataclass(frozen=True)
class Outcome:
    """What comes of a hook. Outcomes are compared with those that `allowed`, `rejected` and `modified` make."""

    verdict: Literal["allowed", "rejected", "modified"]
    value: Any = None
    """What the plugin put in place of what it was shown; for a hook that asks, its answer."""
    reason: str = ""
    """Why it refused, or how it failed."""
    error: models.AppError | None = field(default=None, compare=False)
    """The whole error of a hook that has one."""

    @property
    def is_allowed(self) -> bool:
        """Whether what was asked about goes on as it is."""
        return self.verdict == "allowed"

    @property
    def is_rejected(self) -> bool:
        """Whether it does not happen; of a hook without a say, whether it failed."""
        return self.verdict == "rejected"

    @property
    def is_modified(self) -> bool:
        """Whether it goes on as `value`."""
        return self.verdict == "modified"


def allowed(value: Any = None) -> Outcome:
    """It goes on; `value` is the answer of a hook that asks, such as ExecuteCommand."""
    return Outcome("allowed", value)


def rejected(reason: str) -> Outcome:
    """It does not happen."""
    return Outcome("rejected", reason=reason)


def modified(value: Any) -> Outcome:
    """It goes on as this. Of a file it is the pair of its `FileInfo` and its content."""
    return Outcome("modified", value)


def outcome_of(request: Any, response: Any) -> Outcome:
    """The outcome that a response means."""
    fields = response.DESCRIPTOR.fields_by_name
    if "error" in fields and response.HasField("error"):
        error = models.AppError.from_proto(response.error)
        return Outcome("rejected", reason=error.message or error.id, error=error)
    if "rejection_reason" in fields and response.rejection_reason:
        return rejected(response.rejection_reason)
    if "modified_content" in fields and "modified_file_info" in fields:
        return _outcome_of_file(request, response)
    values = [_value(response, name) for name in fields if name not in REFUSALS]
    value = values[0] if values else None
    return modified(value) if _is_modified(request, response) else allowed(value)


def _outcome_of_file(request: Any, response: Any) -> Outcome:
    if not response.ListFields():
        return allowed()
    info = response.modified_file_info if response.HasField("modified_file_info") else request.file_info
    return modified((_model(info), response.modified_content or request.file_content))


def _is_modified(request: Any, response: Any) -> bool:
    """Whether there is a replacement, or a list in the response is not the one in the request."""
    return any(
        name.startswith(MODIFIED) or (name in request.DESCRIPTOR.fields_by_name and getattr(request, name) != value)
        for name, value in ((field.name, getattr(response, field.name)) for field in response.DESCRIPTOR.fields)
        if not name.startswith(MODIFIED) or response.HasField(name)
    )


def _value(response: Any, name: str) -> Any:
    value = getattr(response, name)
    if isinstance(value, Message):
        return _model(value) if response.HasField(name) else None
    if isinstance(value, str | bytes | int):
        return value
    return [_model(item) for item in value]


def _model(message: Any) -> Any:
    return getattr(models, message.DESCRIPTOR.name).from_proto(message)
