"""Plugins that are replaced when their files change, for those who write them.

The version before serves until the new one runs, and on where that does not come up. Of changes that come while a new
version is on its way only the last one counts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import structlog
from pathspec import GitIgnoreSpec
from watchfiles import Change, awatch

from servehttp.authoring.contents import LEFT_OUT, left_out
from servehttp.errors import BundleError, GatewayError, PluginStartError
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.manifest import FILE_NAMES

SUFFIXES = frozenset(
    (".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".css", ".js", ".svg", ".toml", ".yml", ".yaml")
)
"""Of files that people write; others may be what a plugin writes while it runs."""

SETTLING = 20
"""Milliseconds without a further change after which changes count: somebody waits for it, and of what comes later only
the last counts anyway."""

LOOK_INTERVAL = 1000
"""Milliseconds between two looks whether a folder is still the one that is watched: who restores one replaces it."""

log = structlog.get_logger("servehttp.reload")


class Renewable(Protocol):
    """A gateway whose plugins can be replaced."""

    async def renew(self, folder: Path) -> PluginHandle:
        """Replace the plugin in a folder by what is in it now, or raise a `GatewayError`."""
        ...


async def reload_changed(gateway: Renewable, folders: Iterable[Path]) -> None:
    """Replace plugins whose files change. Never returns.

    Args:
        gateway: has the plugins.
        folders: those of the plugins.

    Raises:
        OSError: changes cannot be seen, which is in the log as well.
    """
    sources = Sources(folders)
    renewing: dict[Path, asyncio.Task[None]] = {}
    try:
        while True:
            async with contextlib.aclosing(_changes(sources)) as changes:
                async for folder, files in changes:
                    if folder in renewing:
                        await _cancel(renewing[folder])
                    renewing[folder] = asyncio.create_task(_renew(gateway, folder, files))
    except OSError as error:
        log.error("changes of files are not seen", reason=str(error), remedy="restart the gateway")
        raise
    finally:
        await asyncio.gather(*(_cancel(task) for task in renewing.values()))


async def _changes(sources: Sources) -> AsyncGenerator[tuple[Path, list[str]]]:
    """Folders with the files in them that have changed. Ends when another folder is in the place of one, after that."""
    watched = sources.identities()
    seen = awatch(
        *sources.folders,
        watch_filter=sources.concern,
        step=SETTLING,
        rust_timeout=LOOK_INTERVAL,
        yield_on_timeout=True,
    )
    async with contextlib.aclosing(seen):
        async for changes in seen:
            for folder, files in sources.by_folder(changes).items():
                yield folder, files
            present = sources.identities()
            if present != watched and None not in present.values():
                break
    for folder in sources.folders:
        if present[folder] != watched[folder]:
            yield folder, ["."]


class Sources:
    """The files of plugins that people write.

    Args:
        folders: the plugins' folders.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)

    def identities(self) -> Mapping[Path, tuple[int, int] | None]:
        """What tells each folder from another that is put in its place; None for one that is not there."""
        return {folder: _identity(folder) for folder in self.folders}

    def concern(self, change: Change, path: str) -> bool:
        """Whether a file is one of them."""
        folder = self._folder_of(Path(path))
        if folder is None:
            return False
        file = Path(path).relative_to(folder)
        is_written = file.suffix in SUFFIXES or file.name in FILE_NAMES
        return is_written and not _rules(folder).match_file(file.as_posix())

    def by_folder(self, changes: Iterable[tuple[Change, str]]) -> Mapping[Path, list[str]]:
        """The files that have changed, of each plugin by its folder."""
        found: dict[Path, list[str]] = {}
        for _, path in sorted(changes, key=lambda change: change[1]):
            folder = self._folder_of(Path(path))
            if folder is not None:
                found.setdefault(folder, []).append(Path(path).relative_to(folder).as_posix())
        return found

    def _folder_of(self, path: Path) -> Path | None:
        return next((folder for folder in self.folders if path.is_relative_to(folder)), None)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _rules(folder: Path) -> GitIgnoreSpec:
    """Those by which files are none of the plugin's own; while its own are wrong, only those of all plugins."""
    try:
        return left_out(folder)
    except (BundleError, OSError) as error:
        log.warning("the plugin's own rules are passed over", folder=str(folder), reason=str(error))
        return GitIgnoreSpec.from_lines(LEFT_OUT)


async def _renew(gateway: Renewable, folder: Path, files: list[str]) -> None:
    log.info("plugin is reloaded", folder=str(folder), changed=files)
    try:
        plugin = await gateway.renew(folder)
    except GatewayError as error:
        log.error(f"the new version does not run, {_what_serves(error)}", folder=str(folder), reason=str(error))
    except Exception:  # a fault of ours must not end the watch
        log.exception("reloading failed", folder=str(folder))
    else:
        log.info("plugin was reloaded", plugin=plugin.id, seconds=round(plugin.started_in or 0, 3))


def _what_serves(error: GatewayError) -> str:
    alone = isinstance(error, PluginStartError) and error.stopped_before
    return "and the one before was stopped for it" if alone else "the one before serves on"


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
