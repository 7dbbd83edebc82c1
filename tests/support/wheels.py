"""Wheels of packages that no index has."""

from __future__ import annotations

import io
import zipfile


def wheel_name(name: str, version: str = "1.0", tag: str = "py3-none-any") -> str:
    return f"{name}-{version}-{tag}.whl"


def wheel(name: str, version: str = "1.0", code: str = "", needs: str = "") -> bytes:
    """A wheel with one module; the same bytes each time."""
    info = f"{name}-{version}.dist-info"
    required = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": code or f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return written.getvalue()
