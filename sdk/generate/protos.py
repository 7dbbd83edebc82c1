"""The .proto files as protoc understands them, with their comments."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"
CONTRACT = "mattermost/pluginapi/v1/"
PACKAGE = ".mattermost.pluginapi.v1."

MESSAGE_PATH = 4
"""The number of `message_type` in a file's source paths, and of `field` (2) in a message's."""
FIELD_PATH = 2


@dataclass(frozen=True)
class Message:
    """One message."""

    name: str
    module: str
    """The generated module that has its class."""
    comment: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


@dataclass(frozen=True)
class Field:
    """One field of a message."""

    name: str
    kind: str
    """A Python scalar's name, `Struct`, `Value`, or the name of a message or enum of the contract."""
    comment: str
    repeated: bool = False
    map: bool = False
    """`kind` is then that of the values; the keys are text."""
    optional: bool = False
    """Unset is something else than the zero value; messages always have that."""
    is_message: bool = False


@dataclass(frozen=True)
class Rpc:
    """One rpc."""

    name: str
    request: Message
    response: Message
    service: str


@dataclass(frozen=True)
class Contract:
    """Everything of the package."""

    messages: dict[str, Message] = field(default_factory=dict)
    rpcs: dict[str, Rpc] = field(default_factory=dict)
    """By service and name: `PluginAPI.GetUser`."""


SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "str",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_INT32: "int",
    FieldDescriptorProto.TYPE_INT64: "int",
    FieldDescriptorProto.TYPE_UINT32: "int",
}


def load() -> Contract:
    """Read the contract's files."""
    sources = [file for file in _compile().file if file.name.startswith(CONTRACT)]
    contract = Contract()
    for file in sources:
        contract.messages.update((message.name, message) for message in _messages(file))
    for file in sources:
        for service in file.service:
            for rpc in service.method:
                contract.rpcs[f"{service.name}.{rpc.name}"] = Rpc(
                    rpc.name,
                    contract.messages[rpc.input_type.removeprefix(PACKAGE)],
                    contract.messages[rpc.output_type.removeprefix(PACKAGE)],
                    service.name,
                )
    return contract


def _compile() -> FileDescriptorSet:
    sources = sorted(path.relative_to(PROTO).as_posix() for path in (PROTO / CONTRACT).glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "set")
        options = ["--include_source_info", "--include_imports", f"--descriptor_set_out={target}"]
        paths = [f"--proto_path={PROTO}", f"--proto_path={files('grpc_tools') / '_proto'}"]
        if protoc.main(["protoc", *options, *paths, *sources]):
            sys.exit("protoc failed")
        return FileDescriptorSet.FromString(target.read_bytes())


def _messages(file: FileDescriptorProto) -> list[Message]:
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    module = f"{Path(file.name).stem}_pb2"
    return [
        Message(
            message.name,
            module,
            _text(comments, MESSAGE_PATH, index),
            tuple(
                _field(message, item, _text(comments, MESSAGE_PATH, index, FIELD_PATH, number))
                for number, item in enumerate(message.field)
            ),
        )
        for index, message in enumerate(file.message_type)
    ]


def _text(comments: dict[tuple[int, ...], str], *path: int) -> str:
    return " ".join(comments.get(path, "").split())


def _field(message: DescriptorProto, item: FieldDescriptorProto, comment: str) -> Field:
    entry = next((nested for nested in message.nested_type if item.type_name.endswith(f".{nested.name}")), None)
    value = entry.field[1] if entry else item
    is_message = value.type == FieldDescriptorProto.TYPE_MESSAGE
    return Field(
        item.name,
        SCALARS.get(value.type) or value.type_name.rpartition(".")[2],
        comment,
        repeated=item.label == FieldDescriptorProto.LABEL_REPEATED and not entry,
        map=entry is not None,
        optional=item.proto3_optional or (is_message and item.label != FieldDescriptorProto.LABEL_REPEATED),
        is_message=is_message,
    )
