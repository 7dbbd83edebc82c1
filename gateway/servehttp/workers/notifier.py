"""What the workers were told of each plugin and of ended sessions, and which of them have acted on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from servehttp.plugins.handle import PluginHandle, Replica
from servehttp.workers.channel import Channel
from servehttp.workers.messages import Forget, Forgotten, Gone, Introduced, Report, Settled

REASON_LENGTH = 16 * 1024
"""Characters of a plugin's reason that workers are told; the log has it whole."""


class WorkerNotifier:
    """The supervisor's `PluginObservers`: passes on to every worker what becomes of the plugins.

    It is the workspace's `Memories` as well: what every worker remembers of tokens.

    A worker takes part from its `join` to its `leave`, so nobody waits for one that is starting or gone.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._settled: dict[Channel, dict[str, int]] = {}
        self._serving: set[Channel] = set()
        self._forgets = 0
        self._forgotten: dict[Channel, int] = {}
        self._changed = asyncio.Event()

    def notify(self, replica: Replica) -> None:
        """Tell every worker of a replica of a plugin."""
        self._numbers[replica.name] = self._number(replica.name) + 1
        report = self._report(replica)
        for channel in self._settled:
            channel.send(report)

    async def settled(self, name: str) -> None:
        """Returns when every worker has done what it was last told about the replica of this name."""
        await self._until(lambda: self._is_settled(name))

    def forget_replica(self, replica: Replica) -> None:
        """Tell every worker that there is a replica no more."""
        self._numbers.pop(replica.name, None)
        for channel, settled in self._settled.items():
            settled.pop(replica.name, None)
            channel.send(Gone(replica.id, replica.number, replica.generation))

    async def wait_serving(self, workers: int, plugins: Iterable[PluginHandle]) -> None:
        """Returns when so many workers serve, and all have done what they were told about these plugins."""
        names = [replica.name for plugin in plugins for replica in plugin.replicas]
        await self._until(lambda: len(self._serving) >= workers and all(self._is_settled(name) for name in names))

    def forget(self, user_id: str) -> Awaitable[None]:
        """Have every worker forget whom a user's tokens stand for; what is returned waits until all have."""
        self._forgets = number = self._forgets + 1
        for channel in self._forgotten:
            channel.send(Forget(number, user_id))
        return self._until(lambda: all(forgotten >= number for forgotten in self._forgotten.values()))

    def join(self, channel: Channel, plugins: Iterable[PluginHandle]) -> None:
        """Tell another worker of every plugin, and from now on what all are told."""
        self._settled[channel] = {}
        self._forgotten[channel] = self._forgets
        for plugin in plugins:
            for replica in plugin.replicas:
                channel.send(self._report(replica))
        channel.send(Introduced())

    def note_settled(self, channel: Channel, settled: Settled) -> None:
        """A worker has done what follows from a report."""
        self._settled.get(channel, {})[settled.replica] = settled.number
        self._wake()

    def note_forgotten(self, channel: Channel, forgotten: Forgotten) -> None:
        """A worker has forgotten what it was to forget."""
        if channel in self._forgotten:
            self._forgotten[channel] = forgotten.number
            self._wake()

    def note_serving(self, channel: Channel) -> None:
        """A worker takes connections."""
        self._serving.add(channel)
        self._wake()

    def leave(self, channel: Channel) -> None:
        """A worker is gone, or goes."""
        self._settled.pop(channel, None)
        self._forgotten.pop(channel, None)
        self._serving.discard(channel)
        self._wake()

    def _number(self, name: str) -> int:
        return self._numbers.get(name, 0)

    def _report(self, replica: Replica) -> Report:
        about = replica.describe()
        if replica.reason is not None:
            about["reason"] = replica.reason[:REASON_LENGTH]
        folder = None if replica.folder is None else str(replica.folder)
        return Report(self._number(replica.name), replica.target, about, replica.generation, folder, replica.takes)

    def _is_settled(self, name: str) -> bool:
        number = self._number(name)
        return all(settled.get(name, -1) >= number for settled in self._settled.values())

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
