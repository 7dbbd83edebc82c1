"""The folder of installed plugins: one for each, named after its id, with one for each of its versions, by number.

The version with the greatest number is the plugin. One before it stays as long as a process runs that was started from
it. What is being unpacked lies beside the plugins under a name that begins with a dot. Everything else is cleared away
at the next start.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO

from servehttp.errors import BundleError, ManifestError
from servehttp.plugins.bundles import BundleLimits, unpack
from servehttp.plugins.manifest import Manifest, load_manifest
from servehttp.plugins.users import User

FOLDER = "plugins"
NEW = ".new-"
OWNED_FOLDER = 0o700
PASSABLE = stat.S_IXGRP | stat.S_IXOTH


class InstalledPlugins:
    """The folder. All of it blocks: call it in a thread.

    Args:
        folder: where it is, or is made by the first installation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @classmethod
    def below(cls, data_dir: Path) -> InstalledPlugins:
        """The folder of a gateway that keeps its data here."""
        return cls(data_dir / FOLDER)

    def folders(self) -> list[Path]:
        """The plugins' folders, in the order of ids."""
        return [version for plugin in self._plugins() if (version := _newest(plugin)) is not None]

    def has(self, manifest: Manifest) -> bool:
        """Whether this plugin is one that was installed here."""
        return manifest.folder.parent.parent == self._folder

    def clean_up(self) -> None:
        """Clear away what an end in the midst of an installation has left."""
        for left in self._folder.glob(f"{NEW}*"):
            shutil.rmtree(left)
        for plugin in self._plugins():
            for number in _numbers(plugin)[:-1]:
                shutil.rmtree(plugin / str(number))

    def unpack(self, bundle: IO[bytes], limits: BundleLimits) -> Manifest:
        """Unpack a bundle beside the plugins; then either `place` or `discard` it.

        Args:
            bundle: a .tar.gz.
            limits: what it may hold.

        Raises:
            BundleError: it cannot be used.
            OSError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = Path(tempfile.mkdtemp(prefix=NEW, dir=self._folder))
        try:
            return load_manifest(unpack(bundle, target, limits))
        except ManifestError as error:
            shutil.rmtree(target)
            raise BundleError(f"{error.field or 'its manifest'} {error.problem}; {error.remedy}") from None
        except BaseException:
            shutil.rmtree(target)
            raise

    def discard(self, manifest: Manifest) -> None:
        """Clear away what was unpacked, or one version."""
        top = self._folder / manifest.folder.relative_to(self._folder).parts[0]
        if top.name.startswith(NEW):
            shutil.rmtree(top, ignore_errors=True)
            return
        shutil.rmtree(manifest.folder, ignore_errors=True)
        if not _numbers(top):
            shutil.rmtree(top, ignore_errors=True)

    def place(self, manifest: Manifest) -> Manifest:
        """Have an unpacked plugin as the newest version of the one with its id; returns its manifest from there.

        The version before stays until it is discarded.
        """
        plugin = self._folder / manifest.id
        plugin.mkdir(exist_ok=True, mode=0o700)
        final = plugin / str(max(_numbers(plugin), default=0) + 1)
        manifest.folder.rename(final)
        return load_manifest(final)

    def hand_over(self, manifest: Manifest, user: User) -> None:
        """Let a user have a plugin's folder, and pass through those that it lies in; nobody else sees what is in it.

        Only the folder's owner is changed: what is in it is the gateway's, and readable for who can enter.

        Raises:
            OSError: that is not possible.
        """
        os.chown(manifest.folder, user.uid, user.gid)
        manifest.folder.chmod(OWNED_FOLDER)
        for folder in (manifest.folder.parent, self._folder, self._folder.parent):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | PASSABLE)

    def remove(self, plugin_id: str) -> None:
        """Delete a plugin, in all of its versions."""
        removed = self._folder / f"{NEW}{plugin_id}"
        (self._folder / plugin_id).rename(removed)
        shutil.rmtree(removed)

    def _plugins(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(child for child in self._folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _numbers(plugin: Path) -> list[int]:
    """Those of its versions, in order."""
    return sorted(int(child.name) for child in plugin.iterdir() if child.name.isdecimal() and child.name.isascii())


def _newest(plugin: Path) -> Path | None:
    numbers = _numbers(plugin)
    return plugin / str(numbers[-1]) if numbers else None
