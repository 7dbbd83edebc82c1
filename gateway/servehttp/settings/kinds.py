"""What kinds of values settings have, and how they are written."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
)

from mattermost_plugin.targets import UNIX, parse_target
from servehttp.settings.targets import read_target

T = TypeVar("T")

Transport = Literal["auto", "tunnel", "servehttp"]
ApiTransport = Literal["unix", "tcp"]
HttpParser = Literal["auto", "h11", "httptools"]
Source = Literal["never", "bundled", "always"]
"""Where packages come from that installed plugins need."""
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["auto", "console", "json"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
MOST_REPLICAS = 64
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
"""How many processes one plugin has."""
Size = Annotated[ByteSize, Field(ge=1)]


class Masked:
    """Marks a setting in which there may be a password."""


Url = Annotated[str, Masked()]
"""A URL that may have a password in it."""


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [item for item in (part.strip() for part in value.split(",")) if item]


def _pairs(items: list[object] | tuple[object, ...], form: str) -> list[tuple[str, str]]:
    pairs = [str(item).partition("=") for item in items]
    if bad := next((name for name, equals, target in pairs if not (name and equals and target)), None):
        raise ValueError(f"{bad!r} is not of the form {form}")
    return [(name, target) for name, _, target in pairs]


def split_pairs(value: object, form: str) -> object:
    """A map from NAME=VALUE with commas between them, of which `form` tells; what is a map already stays one."""
    items = _split_commas(value)
    return dict(_pairs(items, form)) if isinstance(items, list | tuple) else items


def gather_targets(value: object) -> object:
    """As pairs of ID=TARGET, of which several may be of one plugin; what is a map already stays one."""
    items = _split_commas(value)
    if not isinstance(items, list | tuple):
        return items
    found: dict[str, list[str]] = {}
    for plugin_id, target in _pairs(items, "ID=TARGET"):
        found.setdefault(plugin_id, []).append(target)
    return found


def _split_targets(value: object) -> object:
    """As pairs; elsewhere it is a map to one target or a list of them."""
    items = gather_targets(value)
    return (
        {name: [one] if isinstance(one, str) else one for name, one in items.items()}
        if isinstance(items, dict)
        else items
    )


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


def _check_files_url(value: str) -> str:
    url = urlsplit(value)
    is_folder = url.scheme == "file" and not url.netloc and url.path.startswith("/")
    is_bucket = url.scheme == "s3" and bool(url.netloc) and "@" not in url.netloc
    if value and (not (is_folder or is_bucket) or url.query or url.fragment):
        raise ValueError("files are kept at file:/PATH or s3://BUCKET/PREFIX, without credentials")
    return value


def _check_address(value: str) -> str:
    if value.startswith(UNIX):
        raise ValueError(f"{value!r} is not HOST:PORT, such as 127.0.0.1:9465 or [::1]:9465")
    parse_target(value)
    return value


FilesUrl = Annotated[str, Masked(), AfterValidator(_check_files_url)]
RootPath = Annotated[str, AfterValidator(_check_root_path)]
Address = Annotated[str, AfterValidator(_check_address)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(_split_commas)]
Target = Annotated[str, AfterValidator(_check_target)]
Targets = Annotated[
    dict[str, Annotated[tuple[Target, ...], Field(min_length=1, max_length=MOST_REPLICAS)]],
    BeforeValidator(_split_targets),
]


def lower_ids(value: dict[str, T]) -> dict[str, T]:
    """As the ids of manifests are."""
    return {plugin_id.lower(): of_it for plugin_id, of_it in value.items()}


Names = Annotated[
    dict[str, str], BeforeValidator(lambda value: split_pairs(value, "ID=NAME")), AfterValidator(lower_ids)
]
Users = Annotated[
    dict[str, str], BeforeValidator(lambda value: split_pairs(value, "ID=USER")), AfterValidator(lower_ids)
]
ReplicaCounts = Annotated[
    dict[str, Replicas], BeforeValidator(lambda value: split_pairs(value, "ID=N")), AfterValidator(lower_ids)
]
LogLevels = Annotated[
    dict[str, LogLevel], BeforeValidator(lambda value: split_pairs(value, "ID=LEVEL")), AfterValidator(lower_ids)
]
Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[
    dict[str, Port], BeforeValidator(lambda value: split_pairs(value, "ID=PORT")), AfterValidator(lower_ids)
]
Times = Annotated[
    dict[str, Seconds], BeforeValidator(lambda value: split_pairs(value, "ID=SECONDS")), AfterValidator(lower_ids)
]


class Group(BaseModel):
    """A group of settings: frozen, and without names that do not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
