import pytest

from plugin import TemplatePlugin


@pytest.fixture
def plugin_class() -> type[TemplatePlugin]:
    return TemplatePlugin


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
