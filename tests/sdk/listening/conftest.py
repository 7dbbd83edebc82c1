"""What the tests of this folder share."""

from __future__ import annotations

from support.certificates import certificates
from support.loops import one_loop

__all__ = ["certificates", "one_loop"]
