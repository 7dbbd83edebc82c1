"""The words the API table is written in. They mark definitions for the generator; nobody calls what they mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Definition = TypeVar("Definition", bound=Callable[..., Any])


def repeatable(definition: Definition) -> Definition:
    """Doing it twice is doing it once, so it is tried again when the host cannot be reached."""
    return definition


def transfer(definition: Definition) -> Definition:
    """The rpc carries a file, so its default deadline is the longer one."""
    return definition


def wire(**fields: Any) -> None:
    """Request fields that are not simply the parameter of the same name, and what goes into them."""


def result(value: Any) -> None:
    """What is returned, where it is not simply the response's field besides `error`."""


response: Any = None
"""The response message, in `result`."""
