"""What `make test-fast` leaves out."""

from __future__ import annotations

import pytest

from support.fast import LEFT_OUT, TESTS


@pytest.mark.parametrize("pattern", LEFT_OUT)
def test_all_that_is_left_out_is_there(pattern: str) -> None:
    assert any(TESTS.glob(pattern))
