"""What kinds of values settings have, and how they are written."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
)

from servehttp.settings.targets import read_target

T = TypeVar("T")

Transport = Literal["auto", "tunnel", "servehttp"]
ApiTransport = Literal["unix", "tcp"]
HttpParser = Literal["auto", "h11", "httptools"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["auto", "console", "json"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[ByteSize, Field(ge=1)]


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [item for item in (part.strip() for part in value.split(",")) if item]


def _split_pairs(value: object, form: str = "ID=TARGET") -> object:
    items = _split_commas(value)
    if not isinstance(items, list | tuple):
        return items
    pairs = [str(item).partition("=") for item in items]
    if bad := next((name for name, equals, target in pairs if not (name and equals and target)), None):
        raise ValueError(f"{bad!r} is not of the form {form}")
    return {name: target for name, _, target in pairs}


def _check_network(value: str) -> str:
    if value != "*":
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"{value!r} is neither an IP address, nor a network such as 10.0.0.0/8, nor *") from None
    return value


def _check_root_path(value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise ValueError("a prefix begins with a slash and does not end with one, such as /gateway")
    return value


def _check_target(value: str) -> str:
    read_target(value)
    return value


RootPath = Annotated[str, AfterValidator(_check_root_path)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(_split_commas)]
Targets = Annotated[dict[str, Annotated[str, AfterValidator(_check_target)]], BeforeValidator(_split_pairs)]


def _lower_ids(value: dict[str, T]) -> dict[str, T]:
    """As the ids of manifests are."""
    return {plugin_id.lower(): of_it for plugin_id, of_it in value.items()}


Names = Annotated[
    dict[str, str], BeforeValidator(lambda value: _split_pairs(value, "ID=NAME")), AfterValidator(_lower_ids)
]
Users = Annotated[
    dict[str, str], BeforeValidator(lambda value: _split_pairs(value, "ID=USER")), AfterValidator(_lower_ids)
]
Times = Annotated[
    dict[str, Seconds], BeforeValidator(lambda value: _split_pairs(value, "ID=SECONDS")), AfterValidator(_lower_ids)
]


class Group(BaseModel):
    """A group of settings: frozen, and without names that do not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
