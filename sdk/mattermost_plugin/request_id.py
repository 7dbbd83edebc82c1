"""The id by which gateway and plugin know a request in their logs.

An application finds it in its scope, as `scope["extensions"]["servehttp.request_id"]["id"]`; the log record of what is
said while the request is served has it by itself.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

from mattermost_plugin.types import Scope

EXTENSION: Final = "servehttp.request_id"

FORM: Final = r"[A-Za-z0-9._:-]{1,128}"
"""What an id looks like: what has another form is none, whoever gives it."""

current: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""The id of the request that is served here; empty where none is, or it has no id."""


_ID: Final = re.compile(FORM)


def has_form(text: str) -> bool:
    """Whether a text can be an id."""
    return _ID.fullmatch(text) is not None


def request_id_of(scope: Scope) -> str:
    """The id of the request that a scope is about; empty if it has none."""
    extension = (scope.get("extensions") or {}).get(EXTENSION) or {}
    return str(extension.get("id", ""))
