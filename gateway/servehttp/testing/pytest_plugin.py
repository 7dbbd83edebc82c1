"""The fixtures that need the gateway's packages: `fake_api` and `gateway`.

pytest imports this wherever the package is installed, so everything else is imported by the fixture that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servehttp.testing import FakeAPI, Gateway

MARKER = "plugin_folder"
MANIFESTS = ("plugin.yml", "plugin.yaml", "plugin.json")
EXTRA = "servehttp[testing]"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "plugin_folder(path): the folder of the plugin that `gateway` serves.")


@pytest.fixture
def fake_api() -> Iterator[FakeAPI]:
    """The plugin's host: the embedded workspace, empty, behind the plugin's `api` and `async_api`."""
    try:
        from servehttp.testing.workspace import fake_api
    except ModuleNotFoundError as error:
        raise missing("fake_api", error) from error
    with fake_api() as api:
        yield api


@pytest.fixture
def plugin_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of the plugin that `gateway` serves: of the marker, else the nearest above the test with a manifest.

    May be overridden.
    """
    marker = request.node.get_closest_marker(MARKER)
    if marker:
        return Path(marker.args[0])
    for folder in request.path.parents:
        if any((folder / name).is_file() for name in MANIFESTS):
            return folder
    raise pytest.UsageError(
        f"no folder above {request.path} has a manifest: mark the test with @pytest.mark.plugin_folder(PATH),"
        " or have a fixture `plugin_folder` return it"
    )


@pytest.fixture
def gateway(plugin_folder: Path) -> Iterator[Gateway]:
    """A gateway in processes of its own, at a free port of this machine, that serves the plugin's folder."""
    try:
        from servehttp.testing.gateway import running_gateway
    except ModuleNotFoundError as error:
        raise missing("gateway", error) from error
    with running_gateway(plugin_folder) as serving:
        yield serving


def missing(fixture: str, error: ModuleNotFoundError) -> pytest.UsageError:
    """What is said where the extra is not installed."""
    package = (error.name or "").partition(".")[0]
    return pytest.UsageError(f"the fixture `{fixture}` needs {package}: pip install '{EXTRA}'")
