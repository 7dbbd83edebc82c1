"""What tests with a Go tool chain do where there is none."""

from __future__ import annotations

import os

import pytest

from interop import go_tools
from support import debian


def require_go() -> None:
    """Skip the test where the tool chain is missing; fail it where CI could have installed it."""
    missing = go_tools.missing_text()
    if missing and os.environ.get("CI") == "true" and debian.can_install():
        pytest.fail(f"{missing}; in CI that has to be done")
    if missing:
        pytest.skip(missing)
