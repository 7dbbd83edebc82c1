"""A plugin whose manifest cannot be used: never started, and shown with the reason."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator

from servehttp.errors import ManifestError, PluginStartError
from servehttp.plugins.handle import Replica
from servehttp.plugins.manifest import FILE_NAMES
from servehttp.plugins.states import PluginState


class RefusedPlugin(Replica):
    """It is failed from the beginning.

    Args:
        plugin_id: what it is shown as; its own id is not known.
        reason: why it is refused.
    """

    state = PluginState.FAILED

    def __init__(self, plugin_id: str, reason: str) -> None:
        self.id = plugin_id
        self.reason = reason

    def queue(self) -> None:
        """It stays as it is."""

    async def start(self) -> None:
        """Raise `PluginStartError`."""
        raise PluginStartError(self.id, self.reason or "")

    async def stop(self) -> None:
        """There is nothing to stop."""

    def describe(self) -> dict[str, object]:
        """What an operator wants to know, as plain values."""
        return {"id": self.id, "state": self.state.value, "reason": self.reason, "restarts": 0, "started_in": None}


def refused_plugins(errors: Iterable[ManifestError], ids: Container[str]) -> Iterator[RefusedPlugin]:
    """What is shown for manifests that cannot be used, each by the name of its folder, or one like it that is free.

    Args:
        errors: what is wrong with them.
        ids: those of the plugins that there are.
    """
    taken: set[str] = set()
    for error in errors:
        name = _readable((error.file.parent if error.file.name in FILE_NAMES else error.file).name)
        names = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
        plugin_id = next(free for free in names if free not in ids and free not in taken)
        taken.add(plugin_id)
        yield RefusedPlugin(plugin_id, _readable(str(error)))


def _readable(text: str) -> str:
    """Without the halves of characters that Python makes of what is no UTF-8 in the name of a file."""
    return text.encode(errors="backslashreplace").decode()
