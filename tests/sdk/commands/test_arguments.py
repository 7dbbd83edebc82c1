"""What somebody typed, as the arguments of a function."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin import HookRegistrationError, UsageError
from mattermost_plugin.commands.arguments import LONGEST_QUOTE, Signature
from mattermost_plugin.models import CommandArgs, PluginContext

ARGS, CONTEXT = CommandArgs(user_id="ada"), PluginContext(request_id="r")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def poll(self: object, question: str, minutes: int = 5, *answers: str) -> None: ...


def paint(
    self: object, colour: Colour, size: Literal["small", "large"] = "small", shade: Colour = Colour.RED
) -> None: ...


def measure(self: object, length: float, exact: bool = False, note: str | None = None) -> None: ...


def mixed(self: object, context: PluginContext, first, args: CommandArgs, second: int = 1) -> None: ...  # type: ignore[no-untyped-def]


def nothing(self: object) -> None: ...


def read(function: Callable[..., Any], text: str) -> list[Any]:
    return Signature(function).arguments(text, {CommandArgs: ARGS, PluginContext: CONTEXT})


@pytest.mark.parametrize(
    ("function", "text", "arguments"),
    [
        (poll, "Tea?", ["Tea?", 5]),
        (poll, '"Tea or coffee?" 10 tea "black coffee"', ["Tea or coffee?", 10, "tea", "black coffee"]),
        (poll, "'It''s' -3", ["Its", -3]),
        (poll, r"a\ b 1", ["a b", 1]),
        (poll, '""', ["", 5]),
        (paint, "BLUE large", [Colour.BLUE, "large", Colour.RED]),
        (measure, "1.5 yes 'so long'", [1.5, True, "so long"]),
        (measure, "2", [2.0, False, None]),
        (mixed, "x 3", [CONTEXT, "x", ARGS, 3]),
        (nothing, "", []),
        (nothing, "   ", []),
    ],
)
def test_words_become_what_the_annotations_say(function: Callable[..., Any], text: str, arguments: list[Any]) -> None:
    assert read(function, text) == arguments


@pytest.mark.parametrize(
    ("function", "text", "said"),
    [
        (poll, "", "question is missing."),
        (poll, "Tea? soon", "minutes has to be a whole number, not `soon`."),
        (poll, 'Tea? 5 "black', "A quotation mark or a backslash is not followed by its counterpart."),
        (paint, "green", "colour has to be one of red, blue, not `green`."),
        (paint, "red huge", "size has to be one of small, large, not `huge`."),
        (measure, "nan", "length has to be a number, not `nan`."),
        (measure, "1 perhaps", "exact has to be yes or no, not `perhaps`."),
        (measure, "1 no black coffee", "`coffee` is too much: text with blanks in it needs quotes."),
        (nothing, "more", "`more` is too much: text with blanks in it needs quotes."),
        (poll, "Tea? `a`", "minutes has to be a whole number, not `'a'`."),
        (poll, f"Tea? {'x' * 1000}", f"minutes has to be a whole number, not `{'x' * LONGEST_QUOTE}…`."),
    ],
)
def test_what_makes_no_sense_is_told(function: Callable[..., Any], text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(function, text)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("function", "usage"),
    [
        (poll, "question [minutes=5] [answers…]"),
        (paint, "colour [size=small] [shade=red]"),
        (measure, "length [exact=False] [note]"),
        (mixed, "first [second=1]"),
        (nothing, ""),
    ],
)
def test_the_usage_names_the_parameters(function: Callable[..., Any], usage: str) -> None:
    assert Signature(function).usage == usage


@given(st.lists(st.text(), min_size=1))
def test_any_words_come_through_when_they_are_quoted(words: list[str]) -> None:
    def take(self: object, first: str, *rest: str) -> None: ...

    assert read(take, shlex.join(words)) == words


@given(st.text())
def test_whatever_is_typed_is_read_or_told(text: str) -> None:
    for function in (poll, paint, measure, mixed, nothing):
        with contextlib.suppress(UsageError):
            assert len(read(function, text)) >= len(Signature(function).parameters) - 1


def no_self() -> None: ...
def by_name(self: object, *, loud: bool) -> None: ...
def many(self: object, words: list[str]) -> None: ...
def either(self: object, number: int | str) -> None: ...
def unknown(self: object, thing: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (no_self, "has to take `self`"),
        (by_name, "loud can only be given by name"),
        (many, r"words is annotated with list\[str\]"),
        (either, "number is annotated with int | str"),
        (unknown, "its annotations cannot be read: .*Nowhere"),
    ],
)
def test_a_function_that_nobody_can_call_is_refused_with_file_and_line(
    function: Callable[..., Any], problem: str
) -> None:
    line = function.__code__.co_firstlineno
    with pytest.raises(HookRegistrationError, match=rf"test_arguments\.py:{line}: {function.__name__} .*{problem}"):
        Signature(function)
