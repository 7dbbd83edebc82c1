"""A host of the plugin API that is made from the descriptors: it answers every rpc, and keeps what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from mattermost_plugin.grpc import api_pb2

SERVICE = api_pb2.DESCRIPTOR.services_by_name["PluginAPI"]
RPCS: Mapping[str, MethodDescriptor] = SERVICE.methods_by_name

ANYTHING: dict[str, Any] = {
    "text": "x",
    "int": 7,
    "large": 2**53,
    "float": 1.5,
    "flag": True,
    "none": None,
    "list": [1, {"a": []}],
}
"""What a filled Struct holds."""

JSON = b'{"name": 9007199254740993}'
"""What bytes hold that are JSON: an int that is no double."""

DEPTH = 3
"""Of messages that hold messages of their own kind."""

Answer = Message | Callable[[Any, grpc.ServicerContext], Message]


def request_class(rpc: str) -> type[Message]:
    return message_factory.GetMessageClass(RPCS[rpc].input_type)


def response_class(rpc: str) -> type[Message]:
    return response_of(RPCS[rpc])


def response_of(rpc: MethodDescriptor) -> type[Message]:
    return message_factory.GetMessageClass(rpc.output_type)


def filled(descriptor: Descriptor, depth: int = 0) -> Any:
    """A message all of whose fields are set, each to a value of its own."""
    if descriptor.full_name == "google.protobuf.Struct":
        struct = struct_pb2.Struct()
        struct.update(ANYTHING)
        return struct
    if descriptor.full_name == "google.protobuf.Value":
        return struct_pb2.Value(string_value="x")
    message = message_factory.GetMessageClass(descriptor)()
    for item in descriptor.fields:
        if depth < DEPTH or item.message_type is None:
            _fill(message, item, depth)
    return message


def answer(rpc: str) -> Any:
    """A filled response without an error."""
    response = filled(RPCS[rpc].output_type)
    response.ClearField("error")
    return response


def _fill(message: Any, item: FieldDescriptor, depth: int) -> None:
    if item.message_type is not None and item.message_type.GetOptions().map_entry:
        value = item.message_type.fields_by_name["value"]
        target = getattr(message, item.name)
        if value.message_type is None:
            target["key"] = f"{item.name} value"
        else:
            target["key"].CopyFrom(filled(value.message_type, depth + 1))
    elif item.is_repeated:
        getattr(message, item.name).extend([_single(item, depth, number) for number in (1, 2)])
    elif item.message_type is not None:
        getattr(message, item.name).CopyFrom(_single(item, depth, 1))
    else:
        setattr(message, item.name, _single(item, depth, 1))


def _single(item: FieldDescriptor, depth: int, number: int) -> Any:
    if item.message_type is not None:
        return filled(item.message_type, depth + 1)
    if item.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if item.type == FieldDescriptor.TYPE_BYTES:
            return JSON if item.name.endswith("_json") else f"{item.name} \xff".encode("latin-1")
        return f"{item.name} {number}"
    if item.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if item.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return 2
    return item.number * 100 + number


@dataclass
class Asked:
    """One call as the host got it."""

    rpc: str
    request: Any
    metadata: dict[str, str | bytes]
    seconds: float | None
    """What was left of the deadline."""


@dataclass
class ApiHost:
    """Answers every rpc with a filled response, unless a test wants something else.

    An answer may be a function of the request and the context; a status is sent as often as it is asked for.
    """

    calls: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, list[tuple[grpc.StatusCode, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, rpc: str) -> list[Any]:
        """The requests of one rpc."""
        return [call.request for call in self.calls if call.rpc == rpc]

    def fail(self, rpc: str, code: grpc.StatusCode, details: str = "", times: int = 1) -> None:
        """Answer the next calls of an rpc with a status."""
        self.failures.setdefault(rpc, []).extend([(code, details)] * times)

    def respond(self, rpc: str, request: Any, context: grpc.ServicerContext) -> Message:
        with self._lock:
            metadata = dict(context.invocation_metadata())
            self.calls.append(Asked(rpc, request, metadata, context.time_remaining()))
            failures = self.failures.get(rpc)
            failure = failures.pop(0) if failures else None
        if failure:
            context.abort(*failure)
        wanted: Answer = self.answers.get(rpc) or answer(rpc)
        return wanted if isinstance(wanted, Message) else wanted(request, context)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, host: ApiHost) -> None:
        self._host = host

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        service, _, rpc = details.method.lstrip("/").partition("/")
        if service != SERVICE.full_name or rpc not in RPCS:
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._host.respond(rpc, request, context),
            request_deserializer=request_class(rpc).FromString,
            response_serializer=response_class(rpc).SerializeToString,
        )


@contextmanager
def serving(path: Path, host: ApiHost) -> Iterator[str]:
    """Serve at a socket; gives the target."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(20), handlers=[_Handler(host)], options=options)
    target = f"unix:{path}"
    server.add_insecure_port(target)
    server.start()
    try:
        yield target
    finally:
        server.stop(0).wait()
