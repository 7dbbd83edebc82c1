from pathlib import Path

import pytest

from plugin import Shelf


@pytest.fixture
def plugin_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Shelf]:
    monkeypatch.setattr(Shelf, "folder", tmp_path / "files")
    return Shelf


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
