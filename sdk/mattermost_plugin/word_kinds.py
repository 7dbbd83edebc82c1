"""What a word can be read as, by an annotation: an argument of a slash command, a value of a setting."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Kind:
    """A kind of argument.

    Attributes:
        read: makes a value of a word, or raises ValueError.
        expects: what it reads, for messages.
    """

    read: Callable[[str], Any]
    expects: str


def kind_of(hint: Any) -> Kind | None:
    """The kind of argument that an annotation stands for; None if it is none that can be typed."""
    if get_origin(hint) in (Union, types.UnionType):
        others = [option for option in get_args(hint) if option is not type(None)]
        return kind_of(others[0]) if len(others) == 1 else None
    if get_origin(hint) is Literal:
        return _choice({str(value): value for value in get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice({str(member.value): member for member in hint})
    return KINDS.get(hint) if isinstance(hint, type) else None


def _choice(values: Mapping[str, Any]) -> Kind:
    folded = {text.casefold(): value for text, value in values.items()}

    def read(word: str) -> Any:
        if word.casefold() not in folded:
            raise ValueError(word)
        return folded[word.casefold()]

    return Kind(read, f"one of {', '.join(values)}")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def _truth(word: str) -> bool:
    if word.casefold() not in WORDS:
        raise ValueError(word)
    return WORDS[word.casefold()]


KINDS: Mapping[type, Kind] = {
    str: Kind(str, "a text"),
    int: Kind(int, "a whole number"),
    float: Kind(_finite, "a number"),
    bool: Kind(_truth, "yes or no"),
}
