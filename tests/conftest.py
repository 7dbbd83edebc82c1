"""What every test shares."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # connections that end are no news


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
