"""Wheels that a plugin brings, as an installer may see them: wheels alone, which need packages by their names.

pip reads pages that lie beside them for links, and fetches and runs what a wheel says that it needs from an address.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from servehttp.errors import BundleError
from servehttp.plugins.tarball import shown

FOLDER = "wheels"
"""In a plugin's folder."""
METADATA = ".dist-info/metadata"
LARGEST_METADATA = 1024 * 1024
"""Bytes of what a wheel says of itself."""


def wheels_of(folder: Path) -> list[Path]:
    """The wheels that the plugin in a folder brings, in order."""
    return sorted(file for file in (folder / FOLDER).glob("*.whl") if file.is_file())


def show_wheels(wheels: list[Path], target: Path) -> None:
    """Have a folder with these wheels, and nothing else.

    Raises:
        BundleError: one cannot be read, or needs something from an address.
        OSError: the folder cannot be made.
    """
    target.mkdir()
    for wheel in wheels:
        _check(wheel)
        (target / wheel.name).symlink_to(wheel.absolute())


def _check(wheel: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for needed in _needs(wheel, archive):
                if Requirement(needed).url:
                    raise BundleError(
                        f"its wheel {wheel.name} needs {shown(needed)} from an address; bring it as a wheel"
                    )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, InvalidRequirement) as error:
        raise BundleError(f"its wheel {wheel.name} cannot be read: {error!s:.200}") from None


def _needs(wheel: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    for member in archive.infolist():
        if member.filename.lower().endswith(METADATA):
            with archive.open(member) as opened:
                data = opened.read(LARGEST_METADATA + 1)
            if len(data) > LARGEST_METADATA:
                raise BundleError(f"its wheel {wheel.name} says more than {LARGEST_METADATA} bytes of itself")
            yield from map(str, BytesParser().parsebytes(data, headersonly=True).get_all("Requires-Dist", []))
