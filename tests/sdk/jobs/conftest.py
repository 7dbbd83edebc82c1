"""What the tests of this folder share."""

from __future__ import annotations

from support.loops import one_loop

__all__ = ["one_loop"]
