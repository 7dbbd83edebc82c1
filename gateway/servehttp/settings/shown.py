"""Settings as people are shown them: each with its value, without passwords, and where that comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from servehttp.settings.kinds import Masked
from servehttp.settings.sources import Sources, every_setting

MASK: Final = "***"
DEFAULT: Final = "default"

_PASSWORD: Final = re.compile(r"(://[^:/@]*):.*@")
_PARAMETER: Final = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*)=[^&]*", re.IGNORECASE)


@dataclass(frozen=True)
class ShownSetting:
    """One setting.

    Attributes:
        name: its dotted name.
        value: as JSON has it, without passwords.
        origin: what says it: a file, an environment variable, the command line, or `DEFAULT`.
    """

    name: str
    value: Any
    origin: str


def shown(settings: BaseModel, sources: Sources | None = None) -> Iterator[ShownSetting]:
    """Each setting, in order; without the sources the origins are empty."""
    values = settings.model_dump(mode="json")
    for name, field in every_setting(type(settings)):
        value: Any = values
        for part in name.split("."):
            value = value[part]
        origin = (sources.origin(name) or DEFAULT) if sources is not None else ""
        yield ShownSetting(name, _masked(field, value), origin)


def mask_url(url: str) -> str:
    """A URL without the password that it may have, before its host or among its parameters."""
    return _PARAMETER.sub(rf"\1={MASK}", _PASSWORD.sub(rf"\1:{MASK}@", url))


def _masked(field: FieldInfo, value: Any) -> Any:
    is_masked = isinstance(value, str) and any(isinstance(mark, Masked) for mark in field.metadata)
    return mask_url(value) if is_masked else value
