"""Packing a plugin into a bundle, a .tar.gz: the same bytes for the same files, whenever and wherever it is packed."""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from servehttp.authoring.contents import RULES_FILE, contents
from servehttp.authoring.syntax import check_syntax
from servehttp.errors import BundleError
from servehttp.plugins.interpreter import find_interpreter
from servehttp.plugins.manifest import Manifest, load_manifest

OUTPUT_FOLDER = "dist"
LEVEL = 9
"""How hard gzip tries."""
EXECUTABLE = 0o111


@dataclass(frozen=True)
class Bundle:
    """A plugin that was packed.

    Attributes:
        file: the bundle.
        size: its bytes.
        contents: what is in it, below the folder with the plugin's name.
    """

    file: Path
    size: int
    contents: Sequence[str]


def pack(folder: Path, output: Path | None = None) -> Bundle:
    """Pack the plugin in a folder.

    Args:
        folder: the plugin's.
        output: where the bundle goes; by default `dist/ID-VERSION.tar.gz` in the folder.

    Raises:
        ManifestError: the plugin is not good.
        BundleError: a file cannot be packed, or what the manifest names is left out.
        InterpreterError: the plugin's Python does not run.
        OSError: something cannot be read or written.
    """
    manifest = load_manifest(folder)
    files = contents(folder)
    _check_named(manifest, files)
    check_syntax(find_interpreter(folder), folder, files)
    version = f"-{manifest.version}" if manifest.version else ""
    file = output or folder / OUTPUT_FOLDER / f"{manifest.id}{version}.tar.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with open(descriptor, "wb") as made:
            _pack_into(made, folder, manifest.id, files)
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(file)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return Bundle(file, file.stat().st_size, files)


def _check_named(manifest: Manifest, files: Sequence[str]) -> None:
    script = manifest.server.script()[1]
    named = [os.path.normpath(script)] if script else []
    for path in (manifest.file.name, *named):
        if path not in files:
            raise BundleError(f"{path} is left out, but the plugin needs it; write !{path} into {RULES_FILE}")


def _pack_into(made: IO[bytes], folder: Path, top: str, files: Sequence[str]) -> None:
    with (
        gzip.GzipFile(filename="", fileobj=made, mode="wb", compresslevel=LEVEL, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in files:
            _add(archive, folder / file, f"{top}/{file}")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    # No owner, no time, and of the permissions only whether it is a program: the rest is of the machine.
    member = tarfile.TarInfo(name)
    member.mode = 0o755 if path.stat().st_mode & EXECUTABLE else 0o644
    with path.open("rb") as file:
        member.size = os.fstat(file.fileno()).st_size
        archive.addfile(member, file)
