"""Fires hooks at a plugin as a host does: through the servicer that answers them in production."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from google.protobuf import message_factory
from google.protobuf.message import Message

from mattermost_plugin.grpc import hooks_pb2
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import CommandArgs, CommandResponse, PluginContext
from mattermost_plugin.servicers.hooks_servicer import Context, PluginHooksServicerImpl, announced_hooks
from mattermost_plugin.servicers.table import UNARY_HOOKS
from mattermost_plugin.servicers.unary import CONTEXT
from mattermost_plugin.testing.errors import CommandFailed
from mattermost_plugin.testing.outcomes import Outcome, outcome_of

RPCS = hooks_pb2.DESCRIPTOR.services_by_name["PluginHooks"].methods_by_name
ALWAYS_CALLED = frozenset((HookName.OnActivate.value, HookName.OnDeactivate.value))


class WithoutDeadline:
    """A call's context, as far as a hook looks at it."""

    def time_remaining(self) -> None:
        """The host sets no limit; the plugin's own time-outs hold."""


class HookFirer:
    """Fires hooks at a plugin; belongs to the event loop in which it is made.

    Args:
        servicer: the plugin's hooks.
        implemented: the names of those that it has.
    """

    def __init__(self, servicer: PluginHooksServicerImpl, implemented: frozenset[str]) -> None:
        self.implemented = implemented
        self._servicer = servicer
        self._loop = asyncio.get_running_loop()

    async def fire(
        self, hook: HookName | str, *subjects: Any, context: PluginContext | None = None, **fields: Any
    ) -> Outcome:
        """Fire a hook, and return what comes of it.

        Args:
            hook: which one; not ServeHTTP, which is what the client is for.
            *subjects: what its handler gets after the context, in the same order; models or plain values.
            context: the session and client behind it.
            **fields: the same by name; what is left out is empty.

        Raises:
            LookupError: the plugin has no handler for it, so that a host would not ask.
            ValueError: the hook has no such argument.
        """
        name = str(hook.value) if isinstance(hook, HookName) else hook
        request = request_for(name, subjects, fields, context or PluginContext())
        if name not in self.implemented | ALWAYS_CALLED:
            raise LookupError(f"the plugin has no handler for {name}; it has {', '.join(sorted(self.implemented))}")
        return outcome_of(request, await self._answer(name, request))

    async def command(
        self, entered: str, args: CommandArgs | None = None, *, context: PluginContext | None = None
    ) -> CommandResponse | None:
        """Enter a slash command, and return what is answered.

        Args:
            entered: the whole of it, `/poll "Tea?" yes no`.
            args: who entered it, and where; by default nobody, nowhere.
            context: the session and client behind it.

        Raises:
            CommandFailed: the plugin answered with an error, which the user would be shown.
            LookupError: the plugin has no commands.
        """
        asked = replace(args or CommandArgs(), command=entered)
        outcome = await self.fire(HookName.ExecuteCommand, asked, context=context)
        if outcome.is_rejected:
            raise CommandFailed(outcome.reason)
        response: CommandResponse | None = outcome.value
        return response

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        """The response to a host whose event loop may be another one.

        Raises:
            TimeoutError: there was none within `timeout` seconds.
        """
        answer = asyncio.run_coroutine_threadsafe(self._answer(name, request), self._loop)
        async with asyncio.timeout(timeout):
            return await asyncio.wrap_future(answer)

    async def _answer(self, name: str, request: Message) -> Message:
        response: Message = await getattr(self._servicer, name)(request, cast(Context, WithoutDeadline()))
        return response


def implemented_by(plugin: Any) -> frozenset[str]:
    """The names of the hooks that a host would call."""
    return frozenset(announced_hooks(plugin))


def request_for(name: str, subjects: tuple[Any, ...], fields: Mapping[str, Any], context: PluginContext) -> Message:
    """The request of a hook.

    Raises:
        ValueError: there is no such hook, or it has no such argument.
    """
    if name not in UNARY_HOOKS:
        raise ValueError(f"there is no hook {name} that could be fired")
    arguments = UNARY_HOOKS[name].arguments
    names = [argument.field for argument in arguments if argument is not CONTEXT]
    values = dict(zip(names, subjects, strict=False)) | dict(fields)
    if len(subjects) > len(names) or set(values) - set(names) or set(fields) & set(names[: len(subjects)]):
        raise ValueError(f"{name} takes {', '.join(names) or 'nothing'}, each once")
    if CONTEXT in arguments:
        values[CONTEXT.field] = context
    return message_factory.GetMessageClass(RPCS[name].input_type)(**{key: _wire(v) for key, v in values.items()})


def _wire(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_wire(item) for item in value]
    return value.to_proto() if hasattr(value, "to_proto") else value
