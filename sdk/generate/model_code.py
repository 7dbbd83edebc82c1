"""Writes mattermost_plugin/models: a frozen dataclass for each message, with its way from the wire and back."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from model_table import CODECS, DEFAULTS, DOCS, FIELD_NAMES, LAST, MODULES, NAMES, ORDER, SECRETS
from protos import Contract, Field, Message

HAND_WRITTEN = {
    "mattermost_plugin.values": ("ChannelType", "TeamType"),
    "mattermost_plugin.models.plugin_info": ("PluginInfo",),
}

ZERO = {"str": '""', "bytes": 'b""', "int": "0", "bool": "False"}
ENUMS = {"TeamType": "values.TEAM_TYPES", "ChannelType": "values.CHANNEL_TYPES"}
WRAPPERS = {"Int32Value", "Int64Value"}

PACKAGE_DOC = '''"""The models: what hooks and the API client give and take.

A model is a frozen dataclass; `dataclasses.replace` makes a changed copy. Every field of its message is there, so that
`Model.from_proto(message).to_proto()` equals the message. Times are milliseconds since the Unix epoch and 0 means
never, unless a field says otherwise. Lists and dicts can be changed in place, and make a model unhashable.

`props`, `metadata` and other free-form fields hold what JSON has. The wire has only doubles for their numbers: whole
ones up to 2^53 come back as ints, and an int beyond that is a ValueError when the model is sent. `{}` and an absent
object are the same thing.
"""
'''


@dataclass(frozen=True)
class Attribute:
    """One field of a model."""

    name: str
    type: str
    default: str
    comment: str
    read: str
    """The expression that takes it from `message`."""
    wire_name: str
    write: str
    """The expression that takes it from `self`."""


def message_name(model: str) -> str:
    """The message a model is made from."""
    return NAMES.get(model, model)


def model_name(message: str) -> str:
    """The model that is made from a message."""
    return next((model for model, name in NAMES.items() if name == message), message)


def files(contract: Contract) -> dict[str, str]:
    """The text of every file by its path in the SDK."""
    texts = {f"models/{module}.py": _module(contract, module) for module in MODULES}
    return texts | {"models/__init__.py": _package()}


def _package() -> str:
    """The package: each model is imported with its module when it is first asked for."""
    modules = HAND_WRITTEN | {f"mattermost_plugin.models.{module}": models for module, (_, models) in MODULES.items()}
    imports = "".join(
        f"    from {module} import {', '.join(sorted(models))}\n" for module, models in sorted(modules.items())
    )
    places = {name: module for module, models in sorted(modules.items()) for name in sorted(models)}
    names = sorted(places)
    return f'''{PACKAGE_DOC}
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
{imports}
__all__ = {names!r}

_MODULES = {places!r}
"""Where each is: making them all takes a good part of a plugin's start, and most plugins want few."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({{*globals(), *__all__}})
'''


def _module(contract: Contract, module: str) -> str:
    doc, models = MODULES[module]
    body = "\n\n".join(_model(model, contract.messages[message_name(model)]) for model in models)
    pb2 = sorted({contract.messages[message_name(model)].module for model in models})
    # What is not needed of the imports is removed again.
    return "\n".join(
        [
            f'"""{doc}"""\n',
            "from __future__ import annotations\n",
            "from dataclasses import dataclass, field",
            "from typing import Any\n",
            "from google.protobuf import wrappers_pb2\n",
            "from mattermost_plugin import values",
            f"from mattermost_plugin.grpc import {', '.join(pb2)}",
            *_imports(contract, module),
            "\n",
            body,
        ]
    )


def _imports(contract: Contract, module: str) -> list[str]:
    own = MODULES[module][1]
    messages = [contract.messages[message_name(model)] for model in own]
    used = {
        model_name(field.kind)
        for message in messages
        for field in message.fields
        if field.is_message and (message.name, field.name) not in CODECS
    }
    return [
        f"from mattermost_plugin.models.{other} import {', '.join(sorted(used & set(models)))}"
        for other, (_, models) in MODULES.items()
        if other != module and used & set(models)
    ]


def _model(model: str, message: Message) -> str:
    attributes = [_attribute(model, field) for field in _ordered(model, message)]
    doc = message.comment or DOCS[model]
    fields = "\n".join(_declaration(attribute) for attribute in attributes)
    reads = ", ".join(f"{attribute.name}={attribute.read}" for attribute in attributes)
    writes = ", ".join(f"{attribute.wire_name}={attribute.write}" for attribute in attributes)
    proto = f"{message.module}.{message.name}"
    special = _app_error_text() if model == "AppError" else ""
    return f'''
@dataclass(frozen=True, slots=True)
class {model}:
{_docstring(doc, 4)}

{fields}
{special}
    @classmethod
    def from_proto(cls, message: {proto}) -> {model}:
        """The model of a message."""
        return cls({reads},)

    def to_proto(self) -> {proto}:
        """The message of the model."""
        return {proto}({writes},)
'''


def _app_error_text() -> str:
    return """
    def __str__(self) -> str:
        return self.message or self.id
"""


def _ordered(model: str, message: Message) -> list[Field]:
    first = ORDER.get(model, "").split()
    last = LAST.get(model, ())
    rest = [field.name for field in message.fields if field.name not in first and field.name not in last]
    return [message.field(name) for name in (*first, *rest, *last)]


def _attribute(model: str, field: Field) -> Attribute:
    kind, default, read, write = _codec(model, field)
    name = FIELD_NAMES.get((model, field.name), field.name)
    default = DEFAULTS.get((model, name), default)
    if (model, name) in SECRETS:
        default = f"field(default={default}, repr=False)"
    return Attribute(name, kind, default, field.comment, read, field.name, write.replace("self._", f"self.{name}"))


def _codec(model: str, field: Field) -> tuple[str, str, str, str]:
    """Type, default, reading and writing of a field. `self._` stands for the attribute."""
    message = f"message.{field.name}"
    present = f'message.HasField("{field.name}")'
    named = CODECS.get((model, field.name))
    if named:
        return _named_codec(named, message)
    if field.kind == "Struct":
        read = f"values.from_struct({message}) if {present} else {{}}"
        return "dict[str, Any]", "field(default_factory=dict)", read, "values.to_struct(self._)"
    if field.kind == "Value":
        return "Any", "None", f"values.from_value({message})", "values.optional_value(self._)"
    if field.kind in ENUMS:
        letters = ENUMS[field.kind]
        return "str", '""', f"values.letter({letters}, {message})", f"values.number({letters}, self._)"
    if field.kind in WRAPPERS:
        write = f"None if self._ is None else wrappers_pb2.{field.kind}(value=self._)"
        return "int | None", "None", f"{message}.value if {present} else None", write
    return _message_codec(field, message, present) if field.is_message else _scalar_codec(field, message, present)


def _message_codec(field: Field, message: str, present: str) -> tuple[str, str, str, str]:
    model = model_name(field.kind)
    if field.map:
        read = f"{{key: {model}.from_proto(item) for key, item in {message}.items()}}"
        write = "{key: item.to_proto() for key, item in self._.items()}"
        return f"dict[str, {model}]", "field(default_factory=dict)", read, write
    if field.repeated:
        read = f"[{model}.from_proto(item) for item in {message}]"
        return f"list[{model}]", "field(default_factory=list)", read, "[item.to_proto() for item in self._]"
    read = f"{model}.from_proto({message}) if {present} else None"
    return f"{model} | None", "None", read, "None if self._ is None else self._.to_proto()"


def _scalar_codec(field: Field, message: str, present: str) -> tuple[str, str, str, str]:
    if field.map:
        read = f"dict({message}) if {message} else {{}}"
        return f"dict[str, {field.kind}]", "field(default_factory=dict)", read, "self._"
    if field.repeated:
        return f"list[{field.kind}]", "field(default_factory=list)", f"list({message})", "self._"
    if field.optional:
        return f"{field.kind} | None", "None", f"{message} if {present} else None", "self._"
    return field.kind, ZERO[field.kind], message, "self._"


def _named_codec(name: str, message: str) -> tuple[str, str, str, str]:
    if name == "empty_as_none":
        return "bytes | None", "None", f"{message} or None", 'self._ or b""'
    if name == "string_lists":
        read = f"{{key: list(item.values) for key, item in {message}.items()}}"
        write = "{key: api_channel_post_pb2.StringList(values=item) for key, item in self._.items()}"
        return "dict[str, list[str]]", "field(default_factory=dict)", read, write
    read = f'[{{"text": item.text, "value": item.value}} for item in {message}]'
    write = "[api_remaining_pb2.DialogElementOption(**item) for item in self._]"
    return "list[dict[str, str]]", "field(default_factory=list)", read, write


def _declaration(attribute: Attribute) -> str:
    line = f"    {attribute.name}: {attribute.type} = {attribute.default}"
    return f"{line}\n{_docstring(attribute.comment, 4)}" if attribute.comment else line


def _docstring(text: str, indent: int) -> str:
    space = " " * indent
    return textwrap.fill(
        f'"""{text}"""',
        width=120,
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
