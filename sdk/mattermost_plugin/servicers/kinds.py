"""The kinds of hooks that most hooks are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from mattermost_plugin.hooks import HookName
from mattermost_plugin.servicers.hook_runner import HookError
from mattermost_plugin.servicers.results import (
    app_error,
    as_message,
    error_id,
    is_unchanged,
    refusal,
    refusal_error,
    split,
)
from mattermost_plugin.servicers.unary import Argument, UnaryHook

NEUTRAL_REASON = "A plugin could not check this, so it was not allowed."
"""What users are told when a handler that could have vetoed failed; the log tells why."""


def notification(name: HookName, response: Callable[[], Any], *arguments: Argument) -> UnaryHook:
    """A hook that only tells: nothing that its handler does or returns changes the answer."""
    return UnaryHook(
        name,
        arguments,
        answer=lambda request, result: response(),
        absent=lambda request: response(),
        failed=lambda failure: response(),
    )


def fallible(
    name: HookName,
    response: Callable[..., Any],
    *arguments: Argument,
    returned: Callable[[object], object] = lambda result: result,
    failed: Callable[[HookName, HookError], Any] | None = None,
) -> UnaryHook:
    """A hook whose handler may fail, and says so by raising or by returning an error.

    Args:
        name: the hook.
        response: makes its response.
        *arguments: what the handler gets.
        returned: what counts of what the handler returned.
        failed: the error when the handler raised or took too long, instead of the whole story.
    """
    failure_error = failed or told_error
    return UnaryHook(
        name,
        arguments,
        answer=lambda request, result: response(error=refusal_error(name, split(returned(result))[1])),
        absent=lambda request: response(),
        failed=lambda failure: response(error=failure_error(name, failure)),
    )


def verdict(
    name: HookName, response: Callable[..., Any], *arguments: Argument, subject: Argument, modified: str, kind: Any
) -> UnaryHook:
    """A hook whose handler allows, rejects or replaces something before it happens.

    Args:
        name: the hook.
        response: makes its response.
        *arguments: what the handler gets.
        subject: the argument that the verdict is about; given back as it was, it is allowed.
        modified: the response's field for a replacement.
        kind: the message of a replacement.
    """

    def answer(request: Any, result: Any) -> Any:
        replacement, error = split(result)
        if reason := refusal(error):
            return response(rejection_reason=reason)
        original = getattr(request, subject.field)
        if replacement is None or is_same(replacement, original, subject.model):
            return response()
        return response(**{modified: as_message(replacement, kind)})

    return UnaryHook(
        name,
        arguments,
        answer=answer,
        absent=lambda request: response(),
        failed=lambda failure: response(rejection_reason=NEUTRAL_REASON),
    )


def is_same(value: Any, original: Message, model: Any) -> bool:
    """Whether a handler gave back, as a model or a message, what it got."""
    try:
        message = as_message(value, type(original))
    except TypeError:
        return False
    return is_unchanged(message, original, model)


def told_error(name: HookName, failure: HookError) -> Any:
    """The error of a failure for administrators, with what went wrong."""
    return app_error(str(failure), error_id(name), where=name.value)


def neutral_error(name: HookName, failure: HookError, text: str = NEUTRAL_REASON) -> Any:
    """The error of a failure that end users are shown: what went wrong is in the part for logs."""
    return app_error(text, error_id(name), str(failure), where=name.value)
