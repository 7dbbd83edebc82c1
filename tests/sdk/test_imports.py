"""What importing the package costs, and what it gives."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

import mattermost_plugin

IMPORT_BUDGET = 0.150
"""Seconds beyond grpc's own import."""

MEASURE = """
import json, sys, time
import grpc
started = time.perf_counter()
import mattermost_plugin
print(json.dumps([time.perf_counter() - started, sorted(sys.modules)]))
"""


def _measure() -> tuple[float, set[str]]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=30)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def test_importing_the_package_is_quick() -> None:
    measured = [_measure() for _ in range(3)]
    assert statistics.median(seconds for seconds, _ in measured) < IMPORT_BUDGET
    modules = measured[0][1]
    assert not {"starlette.routing", "google.protobuf", "mattermost_plugin.server"} & modules


def test_the_package_has_what_it_names() -> None:
    assert [name for name in mattermost_plugin.__all__ if not hasattr(mattermost_plugin, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mattermost_plugin.nothing
