"""The folder of installed plugins, one below it for each, named after its id.

What is being unpacked, or was replaced, lies beside them under names that begin with a dot, and is cleared away at the
next start; a plugin whose replacement was interrupted is put back.
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
OLD = ".old-"
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
        """The plugins' folders, in order."""
        if not self._folder.is_dir():
            return []
        return sorted(child for child in self._folder.iterdir() if child.is_dir() and not child.name.startswith("."))

    def has(self, manifest: Manifest) -> bool:
        """Whether this plugin is one that was installed here."""
        return manifest.folder.parent == self._folder

    def clean_up(self) -> None:
        """Clear away what an end in the midst of an installation has left."""
        if not self._folder.is_dir():
            return
        for left in self._folder.glob(f"{OLD}*"):
            plugin = self._folder / left.name.removeprefix(OLD)
            if not plugin.exists():
                left.rename(plugin)
        for left in (*self._folder.glob(f"{OLD}*"), *self._folder.glob(f"{NEW}*")):
            shutil.rmtree(left)

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
        """Clear away what was unpacked, placed or not."""
        top = self._folder / manifest.folder.relative_to(self._folder).parts[0]
        shutil.rmtree(top, ignore_errors=True)

    def place(self, manifest: Manifest) -> Manifest:
        """Have an unpacked plugin as the one with its id, instead of any other; returns its manifest from there."""
        final = self._folder / manifest.id
        old = self._folder / f"{OLD}{manifest.id}"
        if final.exists():
            final.rename(old)
        manifest.folder.rename(final)
        shutil.rmtree(old, ignore_errors=True)
        return load_manifest(final)

    def hand_over(self, manifest: Manifest, user: User) -> None:
        """Let a user have a plugin's folder, and pass through those that it lies in; nobody else sees what is in it.

        Only the folder's owner is changed: what is in it is the gateway's, and readable for who can enter.

        Raises:
            OSError: that is not possible.
        """
        os.chown(manifest.folder, user.uid, user.gid)
        manifest.folder.chmod(OWNED_FOLDER)
        for folder in (self._folder, self._folder.parent):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | PASSABLE)

    def remove(self, plugin_id: str) -> None:
        """Delete a plugin."""
        removed = self._folder / f"{NEW}{plugin_id}"
        (self._folder / plugin_id).rename(removed)
        shutil.rmtree(removed)
