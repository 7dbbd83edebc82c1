"""What importing the package costs, and what it gives."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

import mattermost_plugin
from support.patience import PATIENCE

IMPORT_BUDGET = 1.0
"""How often grpc's own import."""

UNUSED = ("server", "commands", "jobs", "settings", "identity")

MEASURE = """
import json, sys, time
started = time.process_time()
import grpc
between = time.process_time()
import mattermost_plugin
ended = time.process_time()
print(json.dumps([(ended - between) / (between - started), sorted(sys.modules)]))
"""


def _measure() -> tuple[float, set[str]]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=PATIENCE)
    ratio, modules = json.loads(done.stdout)
    return ratio, set(modules)


def test_importing_the_package_is_quick() -> None:
    measured = [_measure() for _ in range(3)]
    assert statistics.median(ratio for ratio, _ in measured) < IMPORT_BUDGET
    modules = measured[0][1]
    assert (
        not {"starlette.routing", "google.protobuf", "mattermost_plugin.server", "mattermost_plugin.commands"} & modules
    )


def test_the_package_has_what_it_names() -> None:
    assert [name for name in mattermost_plugin.__all__ if not hasattr(mattermost_plugin, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mattermost_plugin.nothing
