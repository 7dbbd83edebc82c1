"""A hook with one request and one response, told as data: what its handler gets, and what the host is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.hooks import HookName
from mattermost_plugin.servicers.hook_runner import HookError


@dataclass(frozen=True)
class UnaryHook:
    """One hook. Every way it can go ends in a response: of one that comes with a gRPC error the host sees nothing."""

    name: HookName
    arguments: Callable[[Any], tuple[Any, ...]]
    """What the handler is called with, from the request."""
    answer: Callable[[Any], Any]
    """The response, from what the handler returned."""
    absent: Callable[[Any], Any]
    """The response of a plugin without a handler, from the request."""
    failed: Callable[[HookError], Any]
    """The response when the handler raised or took too long."""


def app_error(
    message: str, error_id: str = "plugin.error", detailed_error: str = "", status_code: int = 500, where: str = ""
) -> AppError:
    """An error as the host knows them; some hosts keep only `detailed_error`, which repeats the message if left out."""
    return AppError(
        id=error_id,
        message=message,
        detailed_error=detailed_error or message,
        status_code=status_code,
        where=where,
    )


def error_id(name: HookName) -> str:
    """The id of the error that a hook's failure gives: `plugin.on_activate.error`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.value)
    return f"plugin.{words.lower()}.error"
