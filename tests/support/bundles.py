"""Plugin bundles, made in memory."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path


def bundle_of(files: Mapping[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """A .tar.gz with these files, and members that have no content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return gzip.compress(made.getvalue())


def plugin_bundle(
    plugin_id: str, program: bytes, version: str = "1.0.0", top: str = "", files: Mapping[str, bytes] | None = None
) -> bytes:
    """A bundle with a manifest, a program and other files, in a folder of their own if `top` names one."""
    server = {"runtime": "python", "executable": "plugin.py"}
    manifest = {"id": plugin_id, "name": "Installed", "version": version, "server": server}
    prefix = f"{top}/" if top else ""
    contents = {"plugin.json": json.dumps(manifest).encode(), "plugin.py": program, **(files or {})}
    return bundle_of({f"{prefix}{name}": content for name, content in contents.items()})


def bundle_of_folder(folder: Path) -> bytes:
    """A plugin's folder as a bundle."""
    return bundle_of({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
