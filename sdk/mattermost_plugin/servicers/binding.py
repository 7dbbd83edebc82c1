"""A hook and its handler, ready to be called: arguments are models, or messages where the handler's annotations ask."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from google.protobuf.message import Message

from mattermost_plugin.hooks import HookOptions, check_signature

if TYPE_CHECKING:
    from mattermost_plugin.servicers.unary import UnaryHook

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class BoundHook:
    """One hook of one plugin."""

    handler: Callable[..., Any]
    options: HookOptions
    readers: tuple[Callable[[Any], Any], ...]
    """What takes each of the handler's arguments from the request."""


def bind(hook: UnaryHook, handler: Callable[..., Any], options: HookOptions) -> BoundHook:
    """Find out what a handler wants.

    Raises:
        HookRegistrationError: it does not take the hook's arguments; the text has the file and the line.
    """
    check_signature(handler, hook.name, [argument.field for argument in hook.arguments])
    hints = _positional_hints(handler)
    hints += [None] * len(hook.arguments)
    readers = (
        argument.reader(as_message=_is_message(hint)) for argument, hint in zip(hook.arguments, hints, strict=False)
    )
    return BoundHook(handler, options, tuple(readers))


def _positional_hints(handler: Callable[..., Any]) -> list[Any]:
    hints: dict[str, Any] = {}
    names: list[str] = []
    with contextlib.suppress(Exception):  # a callable that is like no function, or odd annotations: no wishes
        parameters = inspect.signature(handler).parameters.values()
        names = [parameter.name for parameter in parameters if parameter.kind in POSITIONAL]
        hints = _hints(inspect.unwrap(getattr(handler, "__func__", handler)))
    return [hints.get(name) for name in names]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations that can be resolved; a name that only the type checker imports cannot."""
    hints: dict[str, Any] = {}
    namespace = getattr(function, "__globals__", {})
    for name, annotation in inspect.get_annotations(function).items():
        with contextlib.suppress(Exception):
            hints |= get_type_hints(SimpleNamespace(__annotations__={name: annotation}), namespace)
    return hints


def _is_message(hint: Any) -> bool:
    """Whether an annotation is a message, or a list or an alternative of one."""
    return (isinstance(hint, type) and issubclass(hint, Message)) or any(map(_is_message, get_args(hint)))
