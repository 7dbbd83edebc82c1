"""Between protobuf's JSON-like messages and plain values, and between enums and the letters the JSON API writes.

A Struct knows only doubles. Whole numbers up to 2^53 come back as ints, so that ints survive the way there and back,
and floats that are whole come back as ints that equal them. Larger ints do not fit exactly and are refused; larger
floats stay floats. An empty Struct and an absent one are both `{}`, and so are a null and an absent Value both None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from google.protobuf import struct_pb2

EXACT = 2**53
"""Up to here every int is a double of its own."""


class TeamType(StrEnum):
    """How one becomes a member of a team. Members equal plain strings."""

    OPEN = "O"
    INVITE = "I"


class ChannelType(StrEnum):
    """The kind of a channel. Members equal plain strings."""

    OPEN = "O"
    PRIVATE = "P"
    DIRECT = "D"
    GROUP = "G"


TEAM_TYPES: Mapping[int, str] = {0: "", 1: "O", 2: "I"}
CHANNEL_TYPES: Mapping[int, str] = {0: "", 1: "O", 2: "P", 3: "D", 4: "G"}


def letter(letters: Mapping[int, str], number: int) -> str:
    """The letter of an enum's value; of one that is not known here, the number."""
    return letters.get(number, str(number))


def number(letters: Mapping[int, str], letter: str) -> Any:
    """The enum's value of a letter, or of what `letter` made of an unknown one; typed as whichever enum it is for.

    Raises:
        ValueError: there is no such letter.
    """
    for value, known in letters.items():
        if known == letter:
            return value
    if letter.isdecimal():
        return int(letter)
    raise ValueError(f"{letter!r} is no type: it has to be one of {', '.join(map(repr, letters.values()))}")


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The plain dict of a Struct."""
    return {key: from_value(value) for key, value in struct.fields.items()}


def from_value(value: struct_pb2.Value) -> Any:
    """The plain value of a Value."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        return _plain_number(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [from_value(item) for item in value.list_value.values]
    return None


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct | None:
    """The Struct of a mapping; None for an empty one.

    Raises:
        ValueError: a key or value is none that JSON has, or an int beyond 2^53.
    """
    return struct_pb2.Struct(fields=_fields(values)) if values else None


def to_value(value: Any) -> struct_pb2.Value:
    """The Value of a plain value.

    Raises:
        ValueError: it is none that JSON has, or an int beyond 2^53.
    """
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=_exact(value))
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=_fields(value)))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=map(to_value, value)))
    raise ValueError(f"{value!r} is no JSON value: use text, a number, a bool, None, a list or a dict")


def optional_value(value: Any) -> struct_pb2.Value | None:
    """The Value of a plain value; None for None.

    Raises:
        ValueError: it is none that JSON has, or an int beyond 2^53.
    """
    return None if value is None else to_value(value)


def _fields(values: Mapping[Any, Any]) -> dict[str, struct_pb2.Value]:
    return {_text_key(key): to_value(value) for key, value in values.items()}


def _text_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise ValueError(f"{key!r} is no key of a JSON object: keys are text")


def _plain_number(number: float) -> int | float:
    if not number:
        return 0 if math.copysign(1, number) > 0 else number  # no int is -0.0
    return int(number) if -EXACT <= number <= EXACT and number.is_integer() else number


def _exact(number: float) -> float:
    if isinstance(number, int) and not -EXACT <= number <= EXACT:
        raise ValueError(f"{number} is beyond 2^53, where the wire has only some of the ints: pass it as text")
    return number
