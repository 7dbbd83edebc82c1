"""What the programs have in common on their command lines. Environment variables stand in for what is not said."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType


def default(variable: str, otherwise: object) -> str:
    """The environment's value, or the other."""
    return os.environ.get(variable) or str(otherwise)


def at_least_one(text: str) -> int:
    """A number of rounds, seconds or users."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Names with commas between them."""

    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            raise argparse.ArgumentTypeError(f"none is named; there are {', '.join(known)}")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no {name!r}, only {', '.join(known)}")
        return names

    return parse


def end_in_order() -> None:
    """Let SIGTERM end the program as an exception does, so that every process it started is ended."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
