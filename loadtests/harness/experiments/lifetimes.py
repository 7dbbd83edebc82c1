"""What processes cost that are started for it: their start, and their memory."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import sides
from harness.errors import MeasurementError, NotMeasured
from harness.experiments.turns import Outcome, Plan, started_anew
from harness.idle import hold_clients
from harness.processes import allow_open_files, read
from harness.sides import BOTH, ONE, Side
from harness.usage import memory_bytes, usages

SETTLE = 1.0
"""Seconds."""
FEW, CLIENTS = 8, 1000
FILES = 2 * CLIENTS + 500
"""Open files that a gateway with so many clients may need, and the harness beside."""
PLUGINS = 20


def idle(plan: Plan) -> Outcome:
    """What a process with the application takes that has answered once, under uvicorn and as a plugin."""
    return started_anew(
        plan,
        {
            "uvicorn": lambda: {"memory": _memory_of("uvicorn", sides.uvicorn(ONE))},
            "plugin": lambda: {"memory": _memory_of("plugin", sides.gateway(ONE))},
        },
    )


def _memory_of(process: str, start: AbstractContextManager[Side]) -> float:
    """MiB."""
    with start as side:
        read(side.port, side.path("/json"))
        time.sleep(SETTLE)
        return sum(usage.memory for usage in usages(side.pids).values() if usage.name == process) / 2**20


def memory(plan: Plan) -> Outcome:
    """What 1,000 clients cost that wait for server-sent events."""
    if not allow_open_files(FILES):
        raise NotMeasured(f"{FILES} open files are needed, and `ulimit -Hn` allows fewer")
    return started_anew(
        plan,
        {
            "uvicorn": lambda: {"per_client": _memory_per_client(sides.uvicorn(BOTH))},
            "gateway": lambda: {"per_client": _memory_per_client(sides.gateway(BOTH))},
        },
    )


def _memory_per_client(start: AbstractContextManager[Side]) -> float:
    """KiB."""
    path = f"{sides.STREAMING}/ticks?interval=60"
    with start as side:
        with hold_clients(side.port, path, FEW):
            pass
        before = _settled_memory(side)
        with hold_clients(side.port, path, CLIENTS):
            return (_settled_memory(side) - before) / CLIENTS / 1024


def _settled_memory(side: Side) -> int:
    time.sleep(SETTLE)
    return memory_bytes(side.pids)


def start(plan: Plan) -> Outcome:
    """From the start of the gateway's process until all plugins run."""
    with TemporaryDirectory() as folder:
        plugins = [_copy_of_plugin(Path(folder), number) for number in range(PLUGINS)]
        return started_anew(
            plan,
            {
                "one": lambda: {"seconds": _start_time(plugins[:1])},
                "twenty": lambda: {"seconds": _start_time(plugins)},
            },
        )


def _copy_of_plugin(folder: Path, number: int) -> Path:
    plugin = folder / f"plugin{number}"
    shutil.copytree(sides.ROOT / "examples/bench", plugin, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = json.loads((plugin / "plugin.json").read_text())
    (plugin / "plugin.json").write_text(json.dumps({**manifest, "id": f"{manifest['id']}{number}"}))
    return plugin


def _start_time(plugins: list[Path]) -> float:
    with sides.gateway(ONE, plugin_dirs=tuple(plugins)) as side:
        states = [plugin["state"] for plugin in json.loads(read(side.port, "/readyz?verbose"))["plugins"]]
        if states != ["running"] * len(plugins):
            raise MeasurementError(f"the gateway is ready with plugins that are {states}")
        return side.ready_after
