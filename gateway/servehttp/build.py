"""How what runs here was built: the modules on every request's way compiled, or all pure Python, which is slower."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from typing import Final

REMEDY: Final = (
    "for twice the speed install with BUILD_SERVEHTTP=compiled, a C compiler and Python's headers (Debian: gcc, "
    "python3-dev), and not as editable"
)


@functools.cache
def is_compiled() -> bool:
    """Tell whether the modules are compiled that are meant to be: all of them are, or none."""
    spec = importlib.util.find_spec("mattermost_plugin.tunnel.connection")
    return spec is not None and not str(spec.origin).endswith(".py")


def build_name() -> str:
    """Name the build for machines: `compiled` or `pure`."""
    return "compiled" if is_compiled() else "pure"


def describe_build() -> str:
    """Name the build for people, on one line: where it is pure, with how to get the compiled one."""
    return "compiled" if is_compiled() else f"pure Python: {REMEDY}"


def version() -> str:
    """The distribution's version."""
    try:
        return importlib.metadata.version("servehttp")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def describe_version() -> str:
    """Name the distribution, its version and its build, on one line."""
    return f"servehttp {version()} ({describe_build()})"
