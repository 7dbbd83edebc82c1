"""What handlers may return: a value, an error as a text, an exception or an AppError, or a pair of the two."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from mattermost_plugin import models
from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.hooks import HookName

AnyMessage = TypeVar("AnyMessage", bound=Message)

ERRORS = (str, Exception, AppError, models.AppError)


def app_error(
    message: str, error_id: str = "plugin.error", detailed_error: str = "", status_code: int = 500, where: str = ""
) -> AppError:
    """An error as the host knows them; some hosts keep only `detailed_error`, which repeats the message if left out."""
    return AppError(
        id=error_id,
        message=_encodable(message),
        detailed_error=_encodable(detailed_error or message),
        status_code=status_code,
        where=where,
    )


def error_id(name: HookName, kind: str = "error") -> str:
    """The id of the error that a hook's failure gives: `plugin.on_activate.error`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.value)
    return f"plugin.{words.lower()}.{kind}"


def refusal(result: object) -> str:
    """The text of what a handler returned as an error, empty for what is none."""
    if isinstance(result, AppError):
        return result.message or result.id
    if isinstance(result, Exception):
        return str(result) or type(result).__name__
    return str(result) if isinstance(result, ERRORS) else ""


def refusal_error(name: HookName, result: object, kind: str = "error") -> AppError | None:
    """The AppError of what a handler returned as an error, None for what is none."""
    text = refusal(result)
    if not text:
        return None
    if isinstance(result, AppError):
        result = models.AppError.from_proto(result)
    if isinstance(result, models.AppError):
        # One without an id would mean success.
        return replace(result, id=result.id or error_id(name, kind), where=result.where or name.value).to_proto()
    return app_error(text, error_id(name, kind), where=name.value)


def _encodable(text: str) -> str:
    """The text without what UTF-8 has no bytes for: a file's name in an exception may hold such things."""
    return text.encode("utf-8", "replace").decode()


def split(result: Any) -> tuple[Any, Any]:
    """The value and the error in what a handler returned; either may be None."""
    if isinstance(result, tuple) and len(result) == 2:
        value, error = result
        return value, error if isinstance(error, ERRORS) or not error else str(error)
    return (None, result) if isinstance(result, ERRORS) else (result, None)


def as_message(value: Any, kind: type[AnyMessage]) -> AnyMessage:
    """The message of a model, or the message that it already is.

    Raises:
        TypeError: it is none of this kind.
    """
    message = value if isinstance(value, Message) or not hasattr(value, "to_proto") else value.to_proto()
    if not isinstance(message, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is expected")
    return message


def as_messages(values: Iterable[Any], kind: type[AnyMessage]) -> list[AnyMessage]:
    """The messages of models or messages.

    Raises:
        TypeError: one is none of this kind.
    """
    return [as_message(value, kind) for value in values]


def is_unchanged(message: Message, original: Message, model: Any) -> bool:
    """Whether a handler gave back what it got. A model does not tell an empty object from an absent one."""
    return message == original or message == model.from_proto(original).to_proto()
