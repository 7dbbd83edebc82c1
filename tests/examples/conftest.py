"""The examples' plugins, made in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from mattermost_plugin import Plugin

EXAMPLES = Path(__file__).parents[2] / "examples"

PluginClass: TypeAlias = Callable[[str], type[Plugin]]
MakePlugin: TypeAlias = Callable[[str], Plugin]


@pytest.fixture
def load_plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginClass]:
    """The class of an example's plugin, given its folder's name."""

    def load(folder: str) -> type[Plugin]:
        monkeypatch.syspath_prepend(EXAMPLES / folder)
        module = importlib.import_module("plugin")
        (plugin_class,) = (
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Plugin) and value is not Plugin
        )
        return plugin_class

    yield load
    for name in ("plugin", "app"):
        sys.modules.pop(name, None)


@pytest.fixture
def make_plugin(load_plugin: PluginClass) -> MakePlugin:
    """Makes the plugin of an example, given its folder's name."""
    return lambda folder: load_plugin(folder)()
