"""What a gateway and its plugins hold at a moment: memory, descriptors, tasks, and exchanges that are open."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from harness.errors import MeasurementError
from harness.flatness import Sample
from harness.processes import read
from harness.sides import Side
from harness.watched import PATH

GATEWAY = "gateway"
MIB = 2**20


def report(side: Side) -> Mapping[str, Any]:
    """What the gateway says of itself and of its plugins, whether it is ready or not.

    Raises:
        MeasurementError: it says nothing.
    """
    told: dict[str, Any] = json.loads(read(side.port, "/readyz?verbose", (200, 503)))
    return told


def running(side: Side) -> dict[str, int]:
    """The ids of the processes of all plugins that run, by the plugin's name."""
    return {_name(plugin): plugin["pid"] for plugin in report(side)["plugins"] if plugin["state"] == "running"}


def open_exchanges(side: Side) -> int:
    """How many exchanges of all plugins the gateway has open."""
    return _in_flight(report(side))


def take(side: Side, seconds: float) -> Iterator[Sample]:
    """All that can be seen; a plugin that is not up at the moment is left out.

    Raises:
        MeasurementError: the gateway cannot be asked.
    """
    told = report(side)
    gateway = side.pids[0]
    for quantity, value in (
        *_of_process(gateway).items(),
        ("tasks", told["tasks"]),
        ("open exchanges", _in_flight(told)),
    ):
        yield Sample(GATEWAY, quantity, gateway, seconds, value)
    for plugin in told["plugins"]:
        yield from _of_plugin(side, plugin, seconds)


def _of_plugin(side: Side, plugin: Mapping[str, Any], seconds: float) -> list[Sample]:
    if plugin["state"] != "running":
        return []
    try:
        watched = json.loads(read(side.port, f"/plugins/{plugin['id']}{PATH}"))
        found = {**_of_process(plugin["pid"]), "tasks": watched["tasks"], "open exchanges": watched["requests"]}
    except (MeasurementError, psutil.NoSuchProcess):
        return []  # it has just been killed
    return [Sample(_name(plugin), quantity, plugin["pid"], seconds, value) for quantity, value in found.items()]


def _of_process(pid: int) -> dict[str, float]:
    process = psutil.Process(pid)
    return {"memory": process.memory_full_info().pss / MIB, "descriptors": process.num_fds()}


def plugin_name(example: str) -> str:
    """What an example's plugin is called here."""
    return f"plugin {example}"


def _name(plugin: Mapping[str, Any]) -> str:
    return plugin_name(plugin["id"].rpartition(".")[2])


def _in_flight(told: Mapping[str, Any]) -> int:
    return sum(plugin["in_flight"] for plugin in told["plugins"])
