"""What needs no I/O: the tunnel's core and codec, the ASGI side, models, and finding a hook's handler."""

from __future__ import annotations

import pytest

from benchmarks.measuring import Measure
from benchmarks.operations import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name: str, measure: Measure) -> None:
    measure(OPERATIONS[name]())
