"""What somebody typed behind a command's trigger, as the arguments of a function, by its signature. Without I/O."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_type_hints

from mattermost_plugin.hooks import HookRegistrationError
from mattermost_plugin.models import CommandArgs, PluginContext
from mattermost_plugin.source_places import place_of
from mattermost_plugin.word_kinds import Kind, kind_of

LONGEST_QUOTE = 100
"""Characters of what somebody typed that a message repeats."""
GIVEN = (CommandArgs, PluginContext)
"""What a parameter gets that is annotated so; it is not typed."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class UsageError(Exception):
    """What was typed makes no sense; the text is for who typed it. A command's method may raise it as well."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command's function, which is typed unless it is `given`."""

    name: str
    kind: Kind | None = None
    given: type | None = None
    default: Any = inspect.Parameter.empty
    rest: bool = False

    @property
    def usage(self) -> str:
        """How it is written in a command's usage."""
        if self.rest:
            return f"[{self.name}…]"
        if self.default is inspect.Parameter.empty:
            return self.name
        default = _shown(self.default)
        return f"[{self.name}={default}]" if default else f"[{self.name}]"

    def value(self, word: str) -> Any:
        """The value of a word.

        Raises:
            UsageError: it is none.
        """
        assert self.kind is not None, "what is given is not typed"
        try:
            return self.kind.read(word)
        except ValueError:
            raise UsageError(f"{self.name} has to be {self.kind.expects}, not {quoted(word)}.") from None


class Signature:
    """How a function wants to be called by who types a command.

    Args:
        function: a method, not bound. Of its parameters behind `self`, each annotation says what is read: `str` (also
            without one), `int`, `float`, `bool`, a `Literal` or an `Enum`; those with a default may be left out, and
            `*words: str` takes the rest. One annotated with `CommandArgs` or `PluginContext` gets that.

    Raises:
        HookRegistrationError: it cannot be called so; the text has the file and the line.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        hints = self._hints()
        parameters = list(inspect.signature(function).parameters.values())
        if not parameters:
            raise self._refused("it has to take `self`")
        self.parameters = [
            parameter for each in parameters[1:] if (parameter := self._parameter(each, hints)) is not None
        ]
        self._typed = [parameter for parameter in self.parameters if parameter.kind is not None]

    @property
    def usage(self) -> str:
        """What is to be typed behind the trigger."""
        return " ".join(parameter.usage for parameter in self._typed)

    def arguments(self, text: str, given: Mapping[type, Any]) -> list[Any]:
        """The function's arguments.

        Args:
            text: what was typed behind the trigger; words are parted, and quoted, as in a shell.
            given: what parameters get that are not typed, by their types.

        Raises:
            UsageError: it makes no sense.
        """
        try:
            words = shlex.split(text)
        except ValueError:
            raise UsageError("A quotation mark or a backslash is not followed by its counterpart.") from None
        self._check_count(words)
        waiting = iter(words)
        values: list[Any] = []
        for parameter in self.parameters:
            if parameter.given is not None:
                values.append(given[parameter.given])
            elif parameter.rest:
                values.extend(parameter.value(word) for word in waiting)
            else:
                word = next(waiting, None)
                values.append(parameter.default if word is None else parameter.value(word))
        return values

    def _check_count(self, words: Sequence[str]) -> None:
        required = [each for each in self._typed if not each.rest and each.default is inspect.Parameter.empty]
        if len(words) < len(required):
            raise UsageError(f"{required[len(words)].name} is missing.")
        if len(words) > len(self._typed) and not any(parameter.rest for parameter in self._typed):
            raise UsageError(f"{quoted(words[len(self._typed)])} is too much: text with blanks in it needs quotes.")

    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self._function)
        except Exception as error:  # whatever an annotation does
            raise self._refused(f"its annotations cannot be read: {error}") from None

    def _parameter(self, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Parameter | None:
        name, hint = parameter.name, hints.get(parameter.name, str)
        if parameter.kind is parameter.VAR_POSITIONAL:
            return Parameter(name, self._kind(name, hint), rest=True)
        if parameter.kind not in POSITIONAL:
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                raise self._refused(f"{name} can only be given by name, and nobody can type that")
            return None
        if hint in GIVEN:
            return Parameter(name, given=hint)
        return Parameter(name, self._kind(name, hint), default=parameter.default)

    def _kind(self, name: str, hint: Any) -> Kind:
        kind = kind_of(hint)
        if kind is None:
            raise self._refused(
                f"{name} is annotated with {hint!r}, which no word can be: write str, int, float, bool, a Literal or an"
                " Enum"
            )
        return kind

    def _refused(self, problem: str) -> HookRegistrationError:
        name = getattr(self._function, "__qualname__", self._function)
        return HookRegistrationError(f"{place_of(self._function)}: {name} cannot be a command: {problem}")


def quoted(text: str) -> str:
    """What was typed, as a message repeats it: as code, on one line, and not all of it if it is long."""
    shown = " ".join(text.split()).replace("`", "'")
    return f"`{shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE] + '…'}`"


def _shown(default: Any) -> str:
    if default is None or default == "":
        return ""
    return str(default.value if isinstance(default, Enum) else default)
