"""The modules of loadtests/ are programs beside each other; here they are imported as they import one another."""

from __future__ import annotations

import sys
from pathlib import Path

LOADTESTS = str(Path(__file__).parents[2] / "loadtests")
if LOADTESTS not in sys.path:
    sys.path.insert(0, LOADTESTS)
