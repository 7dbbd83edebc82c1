"""How what a handler returns becomes the response of its rpc.

Every response has the field `error`; what else it has decides what its handler returns: None if there is nothing else,
the value of the one other field, or a mapping of several fields by name. Models and dicts stand for the one field's
messages and Structs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct

from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.values import to_struct
from servehttp.workspace.errors import AppFailure

ERROR = "error"
"""The field that every response has."""

Fields: TypeAlias = Mapping[str, Any]
"""A response's fields by name, as its constructor takes them."""


class Model(Protocol):
    """What stands for a message."""

    def to_proto(self) -> Message: ...


class Responder:
    """Makes the responses of one rpc.

    Args:
        rpc: its descriptor, which is looked at once, here.
    """

    def __init__(self, rpc: MethodDescriptor) -> None:
        self._response = GetMessageClass(rpc.output_type)
        self._fields = _fields_writer(result_fields(rpc))

    def result(self, value: Any) -> Message:
        """The response that has what the handler returned.

        Raises:
            AttributeError, TypeError, ValueError: the response cannot hold it.
        """
        return self._response(**self._fields(value))

    def failure(self, failure: AppFailure) -> Message:
        """The response that says why there is no result."""
        return self._response(error=_app_error(failure))


def result_fields(rpc: MethodDescriptor) -> list[FieldDescriptor]:
    """The fields of an rpc's response that a result is in."""
    return [field for field in rpc.output_type.fields if field.name != ERROR]


def _fields_writer(fields: Sequence[FieldDescriptor]) -> Callable[[Any], Fields]:
    if not fields:
        return _no_fields
    if len(fields) > 1:
        return dict
    name, convert = fields[0].name, _converter(fields[0])
    return lambda value: {name: convert(value)}


def _no_fields(value: None) -> Fields:
    if value is not None:
        raise TypeError(f"{type(value).__name__} where the response has room for nothing")
    return {}


def _converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    message = field.message_type
    if message is None or message.GetOptions().map_entry:
        return _unchanged
    if message is Struct.DESCRIPTOR:
        return to_struct
    return _to_messages if field.is_repeated else _to_message


def _unchanged(value: Any) -> Any:
    return value


def _to_message(model: Model | None) -> Message | None:
    return None if model is None else model.to_proto()


def _to_messages(models: Iterable[Model]) -> list[Message]:
    return [model.to_proto() for model in models]


def _app_error(failure: AppFailure) -> AppError:
    return AppError(
        id=failure.id,
        message=failure.message,
        detailed_error=failure.detail,
        status_code=failure.status,
        where=failure.where,
        params=to_struct(failure.params),
    )
