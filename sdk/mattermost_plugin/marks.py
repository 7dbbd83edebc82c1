"""Methods that a decorator has marked, as a class has them with those that it inherits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])
M = TypeVar("M")


class Decorator(Protocol):
    """Marks a method, and returns it as it is."""

    def __call__(self, method: Method, /) -> Method: ...


def marker(attribute: str, mark: object) -> Decorator:
    """A decorator that marks a method.

    Args:
        attribute: under what name the method has the mark.
        mark: what is said of it.
    """

    def decorate(method: Method) -> Method:
        setattr(method, attribute, mark)
        return method

    return decorate


def marks_of(cls: type, attribute: str, kind: type[M]) -> dict[str, M]:
    """The marks of a class's methods, by the methods' names.

    A method that overrides one keeps its mark unless it brings its own; what is no method, such as None, drops it.

    Args:
        cls: the class.
        attribute: under what name a method has its mark.
        kind: what marks are.
    """
    marks: dict[str, M] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            mark = getattr(value, attribute, None) if callable(value) else None
            if isinstance(mark, kind):
                marks[name] = mark
            elif name in marks and not callable(value):
                del marks[name]
    return marks
