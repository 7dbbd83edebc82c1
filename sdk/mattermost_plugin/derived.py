"""Lets classes that are compiled be derived from by classes that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

Class = TypeVar("Class", bound=type[Any])

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:  # it is a mark for the compiler, and nobody else needs the package

    def mypyc_attr(**attributes: Any) -> Callable[[Class], Class]:
        """A decorator that does nothing."""
        return lambda marked: marked


__all__ = ["mypyc_attr"]
