"""The compiled modules hold exactly what contract.txt says of package mattermost.pluginapi.v1.

contract.txt has one fact a line. `file` and `import` name a .proto file and what it imports; `message`,
`enum` and `service` open a block in that file. A line of a block is `NUMBER [optional|repeated] TYPE
NAME` for a field, `NUMBER NAME` for a value of an enum or `rpc NAME [stream] REQUEST -> [stream]
RESPONSE`. The contract has no oneof and no nested message, so one that a module has is a difference.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

import mattermost_plugin.grpc
from mattermost_plugin.grpc import api_pb2, hooks_pb2

PACKAGE = "mattermost.pluginapi.v1"
FOLDER = PACKAGE.replace(".", "/") + "/"
CONTRACT = Path(__file__).with_name("contract.txt")


def facts_of_contract() -> Iterator[str]:
    file = block = ""
    for line in CONTRACT.read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "file":
                file = rest
                yield line
            case "import":
                yield f"{file}: {line}"
            case "message" | "enum" | "service":
                block = rest
                yield f"{file}: {line}"
            case _:
                yield f"{block}: {line}"


def compiled_files() -> list[FileDescriptorProto]:
    names = [module.name for module in pkgutil.iter_modules(mattermost_plugin.grpc.__path__)]
    modules = [importlib.import_module(f"mattermost_plugin.grpc.{n}") for n in names if n.endswith("_pb2")]
    files = [FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb) for module in modules]
    return [file for file in files if file.package == PACKAGE]


def facts_of_modules() -> Iterator[str]:
    for file in compiled_files():
        name = file.name.removeprefix(FOLDER)
        yield f"file {name}"
        for imported in file.dependency:
            yield f"{name}: import {imported.removeprefix(FOLDER)}"
        for message in file.message_type:
            yield f"{name}: message {message.name}"
            yield from facts_of_message(message)
        for enum in file.enum_type:
            yield f"{name}: enum {enum.name}"
            yield from facts_of_enum(enum)
        for service in file.service:
            yield f"{name}: service {service.name}"
            for method in service.method:
                yield f"{service.name}: rpc {method.name} {shape_of(method)}"


def facts_of_message(message: DescriptorProto) -> Iterator[str]:
    for field in message.field:
        yield f"{message.name}: {field.number} {type_of(field, message)} {field.name}"
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield f"{message.name}: message {nested.name}"
    for enum in message.enum_type:
        yield f"{message.name}: enum {enum.name}"


def facts_of_enum(enum: EnumDescriptorProto) -> Iterator[str]:
    for value in enum.value:
        yield f"{enum.name}: {value.number} {value.name}"


def type_of(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    entry = map_entries(message).get(short(field.type_name).removeprefix(f"{message.name}."))
    if entry:
        key, value = (bare_type_of(part) for part in entry.field)
        return f"map<{key},{value}>"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {bare_type_of(field)}"
    if field.proto3_optional:
        return f"optional {bare_type_of(field)}"
    if field.HasField("oneof_index"):
        return f"oneof {message.oneof_decl[field.oneof_index].name} {bare_type_of(field)}"
    return bare_type_of(field)


def map_entries(message: DescriptorProto) -> dict[str, DescriptorProto]:
    """The messages that stand for the entries of a message's maps."""
    return {nested.name: nested for nested in message.nested_type if nested.options.map_entry}


def bare_type_of(field: FieldDescriptorProto) -> str:
    return short(field.type_name) or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def shape_of(method: MethodDescriptorProto) -> str:
    request = "stream " * method.client_streaming + short(method.input_type)
    response = "stream " * method.server_streaming + short(method.output_type)
    return f"{request} -> {response}"


def short(type_name: str) -> str:
    """As the contract writes a type: types of its own package without the package."""
    return type_name.removeprefix(f".{PACKAGE}.").removeprefix(".")


def test_every_message_and_field_is_as_the_contract_says() -> None:
    contract, modules = set(facts_of_contract()), set(facts_of_modules())

    differences = [f"only the contract has: {fact}" for fact in sorted(contract - modules)]
    differences += [f"only the modules have: {fact}" for fact in sorted(modules - contract)]

    assert not differences, "\n".join(["", *differences])


def test_there_are_42_hooks_236_api_calls_and_648_messages() -> None:
    hooks = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods
    calls = api_pb2.DESCRIPTOR.services_by_name["PluginAPI"].methods
    messages = [message.name for file in compiled_files() for message in file.message_type]

    assert (len(hooks), len(calls), len(messages)) == (42, 236, 648)


def test_only_serve_http_streams() -> None:
    services = [service for file in compiled_files() for service in file.service]

    streaming = [m.name for s in services for m in s.method if m.client_streaming or m.server_streaming]

    assert streaming == ["ServeHTTP"]
