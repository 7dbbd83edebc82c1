"""Versions of one plugin side by side, as its host sees them: one at a time.

While a plugin is replaced, two versions of it are connected to. Hooks go to the one that was there, until the other
takes over, or until that one is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servehttp.plugins.replica_hooks import HookHost, ReplicaHooks

if TYPE_CHECKING:  # the connection's module loads its libraries
    from servehttp.plugins.link import Link


class Versions:
    """The versions of all plugins that are connected to.

    Args:
        host: what fires hooks.
    """

    def __init__(self, host: HookHost) -> None:
        self._host = host
        self._newest: dict[str, _Version] = {}
        self._present: dict[str, _Version] = {}

    def begin(self, plugin_id: str) -> HookHost:
        """What another version of a plugin tells of its connection, in place of the host."""
        version = self._newest[plugin_id] = _Version(self)
        return version

    def hand_over(self, plugin_id: str) -> None:
        """Have hooks go to the newest version, if that is connected to."""
        newest = self._newest.get(plugin_id)
        if newest is not None and newest.link is not None:
            self._use(plugin_id, newest, newest.link)

    def connected(self, plugin_id: str, version: _Version, link: Link | ReplicaHooks) -> None:
        """A version is connected to: the host has it at once, unless there is another one."""
        if self._present.get(plugin_id, version) is version:
            self._use(plugin_id, version, link)

    async def disconnected(self, plugin_id: str, version: _Version) -> None:
        """The connection to a version is lost, or about to be closed."""
        if self._present.get(plugin_id) is not version:
            return
        newest = self._newest[plugin_id]
        if newest.link is not None:
            self._use(plugin_id, newest, newest.link)
        else:
            del self._present[plugin_id]
            await self._host.disconnected(plugin_id)

    def _use(self, plugin_id: str, version: _Version, link: Link | ReplicaHooks) -> None:
        self._present[plugin_id] = version
        self._host.connected(plugin_id, link)


class _Version:
    """A `HookHost` for one version of one plugin."""

    def __init__(self, versions: Versions) -> None:
        self.link: Link | ReplicaHooks | None = None
        self._versions = versions

    def connected(self, plugin_id: str, link: Link | ReplicaHooks) -> None:
        self.link = link
        self._versions.connected(plugin_id, self, link)

    async def disconnected(self, plugin_id: str) -> None:
        self.link = None
        await self._versions.disconnected(plugin_id, self)
