"""Asks all workers the same, and waits for their answers no longer than they have time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from servehttp.workers.channel import Channel
from servehttp.workers.messages import Message


class Answer(Protocol):
    """What a worker says to a question of this number."""

    @property
    def number(self) -> int: ...


A = TypeVar("A", bound=Answer)


class Answers(Generic[A]):
    """The last answer of each worker. A worker takes part from its `join` to its `leave`.

    Args:
        timeout: seconds that they have.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._number = 0
        self._told: dict[Channel, A | None] = {}
        self._changed = asyncio.Event()

    def join(self, channel: Channel) -> None:
        """Ask another worker as well."""
        self._told[channel] = None

    def note(self, channel: Channel, answer: A) -> None:
        """A worker has answered."""
        if channel in self._told:
            self._told[channel] = answer
            self._wake()

    def leave(self, channel: Channel) -> A | None:
        """A worker is gone, or goes; returns what it has said last."""
        told = self._told.pop(channel, None)
        self._wake()
        return told

    async def ask(self, question: Callable[[int], Message]) -> Sequence[A]:
        """Ask all; of one that does not answer in time there is what it has said last, if anything.

        Args:
            question: makes the message of a number that rises.
        """
        self._number = number = self._number + 1
        for channel in self._told:
            channel.send(question(number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                while any(told is None or told.number < number for told in self._told.values()):
                    await self._changed.wait()
        return [told for told in self._told.values() if told is not None]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
