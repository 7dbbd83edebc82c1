"""The decorator that makes a method answer a slash command, and how commands are found, offered and run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mattermost_plugin.commands.arguments import Signature, UsageError
from mattermost_plugin.hooks import HookName, HookOptions, HookRegistrationError, check_options
from mattermost_plugin.marks import Decorator, marker, marks_of
from mattermost_plugin.models import Command, CommandArgs, CommandResponse, PluginContext
from mattermost_plugin.source_places import place_of

if TYPE_CHECKING:
    from mattermost_plugin.async_client import AsyncPluginAPIClient

COMMAND_ATTR = "_mattermost_command"
LONGEST_TRIGGER = 128
"""Characters; what servers take."""


@dataclass(frozen=True)
class CommandMark:
    """What `@command` was told."""

    trigger: str
    description: str
    autocomplete: bool
    hint: str | None
    timeout: float | None


@dataclass(frozen=True)
class CommandMethod:
    """A method that answers a command, as its class has it."""

    attribute: str
    mark: CommandMark
    signature: Signature

    @property
    def offered(self) -> Command:
        """What the host is told."""
        mark = self.mark
        return Command(
            trigger=mark.trigger,
            auto_complete=mark.autocomplete,
            auto_complete_desc=mark.description,
            auto_complete_hint=self.signature.usage if mark.hint is None else mark.hint,
        )

    @property
    def options(self) -> HookOptions:
        """Those of the hook, when it runs the method."""
        return HookOptions(timeout=self.mark.timeout)

    def handler(self, plugin: object) -> Callable[[PluginContext, CommandArgs], Any]:
        """What the hook ExecuteCommand calls instead of a handler; async if the method is."""
        method = getattr(plugin, self.attribute)

        async def run_async(context: PluginContext, args: CommandArgs) -> Any:
            try:
                return _response(await method(*self._arguments(context, args)))
            except UsageError as error:
                return self._explained(error)

        def run(context: PluginContext, args: CommandArgs) -> Any:
            try:
                return _response(method(*self._arguments(context, args)))
            except UsageError as error:
                return self._explained(error)

        return run_async if inspect.iscoroutinefunction(method) else run

    def _arguments(self, context: PluginContext, args: CommandArgs) -> list[Any]:
        _, text = _parted(args.command)
        return self.signature.arguments(text, {CommandArgs: args, PluginContext: context})

    def _explained(self, error: UsageError) -> CommandResponse:
        usage = f"/{self.mark.trigger} {self.signature.usage}".strip()
        return CommandResponse(response_type="ephemeral", text=f"{error}\nUsage: `{usage}`")


def command(
    trigger: str,
    *,
    description: str = "",
    autocomplete: bool = True,
    hint: str | None = None,
    timeout: float | None = None,
) -> Decorator:
    """Have a method of a plugin answer the slash command `/trigger`.

    The command is offered when the plugin has been activated. The method is called with what was typed, by its
    parameters (`Signature`); what makes no sense is answered with the command's usage, to who typed it alone, and so is
    a `UsageError` that it raises. It returns a text for who typed it, or what ExecuteCommand may return.

    Args:
        trigger: the word behind the slash; lower-cased.
        description: for users, while they type.
        autocomplete: whether it is offered while they type.
        hint: what is shown behind the trigger then, instead of the method's parameters.
        timeout: seconds that the method may take, as of `@hook`.

    Raises:
        HookRegistrationError: the trigger, or the time, cannot be one.
    """
    if not isinstance(trigger, str):
        raise HookRegistrationError('@command takes a trigger: write @command("poll")')
    if not 0 < len(trigger) <= LONGEST_TRIGGER or trigger.startswith("/") or any(map(str.isspace, trigger)):
        raise HookRegistrationError(
            f"{trigger!r:.150} cannot be a command's trigger: write a word of at most {LONGEST_TRIGGER} characters"
            " without its slash"
        )
    check_options(HookName.ExecuteCommand, HookOptions(timeout=timeout))
    return marker(COMMAND_ATTR, CommandMark(trigger.lower(), description, autocomplete, hint, timeout))


class Commands:
    """The commands of a class and of those it inherits from.

    A method that overrides one keeps its command unless it brings its own; None in its place drops it.

    Args:
        cls: a plugin's class.

    Raises:
        HookRegistrationError: a method cannot be called by who types, or two have one trigger.
    """

    def __init__(self, cls: type) -> None:
        self._methods: dict[str, CommandMethod] = {}
        for attribute, mark in marks_of(cls, COMMAND_ATTR, CommandMark).items():
            method = getattr(cls, attribute)
            if mark.trigger in self._methods:
                other = getattr(cls, self._methods[mark.trigger].attribute)
                raise HookRegistrationError(
                    f"{place_of(method)}: {cls.__qualname__} answers /{mark.trigger} twice, also at {place_of(other)}"
                )
            self._methods[mark.trigger] = CommandMethod(attribute, mark, Signature(method))

    def __iter__(self) -> Iterator[CommandMethod]:
        return iter(self._methods.values())

    def __len__(self) -> int:
        return len(self._methods)

    def trigger_of(self, entered: str) -> str:
        """The trigger of a command as somebody entered it, in lower case."""
        return _parted(entered)[0].removeprefix("/").lower()

    async def offer(self, api: AsyncPluginAPIClient) -> None:
        """Offer them to the users of the plugin's host."""
        for method in self:
            await api.register_command(method.offered)


def _parted(entered: str) -> tuple[str, str]:
    """The first word of a command, and what was typed behind it."""
    first, *rest = entered.strip().split(None, 1) or [""]
    return first, rest[0] if rest else ""


def _response(result: Any) -> Any:
    """A text is for who typed the command."""
    return CommandResponse(response_type="ephemeral", text=result) if isinstance(result, str) else result
