"""The fixtures for tests of a plugin. `servehttp.testing.pytest_plugin` adds `fake_api` and `gateway`.

pytest imports this wherever the package is installed, so everything else is imported by the fixture that needs it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mattermost_plugin import Plugin
    from mattermost_plugin.testing import BlockingPlugin, HookFirer, JobClock, PluginClient, RunningPlugin
    from mattermost_plugin.testing.lifetime import PluginHost

MARKER = "plugin"
HOST = "fake_api"
"""The fixture that, in a test that asks for it, is the plugin's host."""
CLOCK = "job_clock"
"""The fixture that, in a test that asks for it, is the time of the plugin's jobs."""
NO_CLASS = (
    "which plugin? Mark the test with @pytest.mark.plugin(cls=MyPlugin), or have a fixture `plugin_class` return it"
)
NOT_BY_NAME = (
    "@pytest.mark.plugin takes the class by name, cls={}, because pytest marks a class that is given without one"
)
NOT_ASYNCIO = "plugins run on asyncio: have a fixture `anyio_backend` return 'asyncio'"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "plugin(*, cls, activate=True): the class of the plugin that the test is about.")


def pytest_pycollect_makeitem(obj: object) -> None:
    """Tell a test that pytest would not see: its mark has taken the plugin's class for what it marks.

    Raises:
        UsageError: it is one.
    """
    if any(mark.name == MARKER for mark in vars(type(obj)).get("pytestmark", ())):
        raise pytest.UsageError(NOT_BY_NAME.format(type(obj).__name__))


@pytest.fixture
def plugin_class() -> type[Plugin]:
    """The class of the plugin that a test is about, unless it is marked with `plugin`. To be overridden."""
    raise pytest.UsageError(NO_CLASS)


@pytest.fixture
def plugin_host(request: pytest.FixtureRequest) -> PluginHost | None:
    """What the plugin is part of: the test's `fake_api`, or nothing."""
    host: PluginHost | None = request.getfixturevalue(HOST) if HOST in request.fixturenames else None
    return host


@pytest.fixture
def job_clock() -> JobClock:
    """The time by which the plugin's jobs run; it stands still until the test travels."""
    from mattermost_plugin.testing.job_clock import JobClock

    return JobClock()


@pytest.fixture
def plugin(request: pytest.FixtureRequest, plugin_host: PluginHost | None) -> Plugin:
    """The plugin, made as a host makes it; `plugin_client`, `hooks` and `blocking_plugin` start it."""
    from mattermost_plugin.plugin import instantiate
    from mattermost_plugin.runtime_config import RuntimeConfig
    from mattermost_plugin.testing.lifetime import PLUGIN_ID

    cls: type[Plugin] = _marked(request, "cls") or request.getfixturevalue("plugin_class")
    config = RuntimeConfig(plugin_id=PLUGIN_ID, api_target="") if plugin_host is None else plugin_host.config
    return instantiate(cls, None, config)


@pytest.fixture
async def running_plugin(
    request: pytest.FixtureRequest, anyio_backend_name: str, plugin: Plugin, plugin_host: PluginHost | None
) -> AsyncIterator[RunningPlugin]:
    """The plugin, running in the test's event loop."""
    from mattermost_plugin.testing.lifetime import running

    if anyio_backend_name != "asyncio":
        pytest.fail(NOT_ASYNCIO, pytrace=False)
    async with running(plugin, host=plugin_host, activate=_activates(request), clock=_clock(request)) as started:
        yield started


@pytest.fixture
def plugin_client(running_plugin: RunningPlugin) -> PluginClient:
    """Sends requests to the plugin and opens WebSockets, for async tests."""
    return running_plugin.client


@pytest.fixture
def hooks(running_plugin: RunningPlugin) -> HookFirer:
    """Fires hooks in the plugin, for async tests."""
    return running_plugin.hooks


@pytest.fixture
def blocking_plugin(
    request: pytest.FixtureRequest, plugin: Plugin, plugin_host: PluginHost | None
) -> Iterator[BlockingPlugin]:
    """The plugin, running in a thread, with requests and hooks for tests that are not async."""
    from mattermost_plugin.testing.threaded import blocking

    with blocking(plugin, host=plugin_host, activate=_activates(request), clock=_clock(request)) as started:
        yield started


def _clock(request: pytest.FixtureRequest) -> JobClock | None:
    clock: JobClock | None = request.getfixturevalue(CLOCK) if CLOCK in request.fixturenames else None
    return clock


def _activates(request: pytest.FixtureRequest) -> bool:
    return bool(_marked(request, "activate", True))


def _marked(request: pytest.FixtureRequest, name: str, default: Any = None) -> Any:
    """What the nearest marker says that has such an argument."""
    markers = request.node.iter_markers(MARKER)
    return next((marker.kwargs[name] for marker in markers if name in marker.kwargs), default)
