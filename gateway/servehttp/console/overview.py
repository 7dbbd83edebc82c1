"""What is told of the gateway and its plugins, as plain values: by the API so, by pages as people read them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from servehttp.app import GatewayApp
from servehttp.build import build_name, version
from servehttp.console.history import Stretch, sample
from servehttp.console.problems import no_such
from servehttp.console.quantiles import quantile
from servehttp.console.totals import HookTotals, Totals, of_hooks, of_server
from servehttp.console.watching import NONE, Look, Watch
from servehttp.plugins.handle import PluginHandle, Replica
from servehttp.plugins.states import PluginState

MINUTE, FIVE_MINUTES = 60.0, 300.0
"""Seconds over which rates and quantiles are told."""
OUTPUT_LINES = 20

Values = dict[str, Any]


class Overview:
    """Tells of one gateway.

    Args:
        gateway: which.
        watch: looks at it.
    """

    def __init__(self, gateway: GatewayApp, watch: Watch) -> None:
        self._gateway = gateway
        self._watch = watch
        self._began = time.time()

    async def gateway(self) -> Values:
        """The gateway, and each of its plugins."""
        look = await self._watch.look()
        server, nobody = of_server(look.counts), look.totals.get("", NONE)
        return {
            "version": version(),
            "build": build_name(),
            "started": round(self._began, 3),
            "uptime": round(look.time - self._began, 3),
            "workspace": self._gateway.host is not None,
            "workers": self._gateway.settings.server.workers,
            "connections": server.connections,
            "memory_bytes": server.memory,
            "cpu_seconds": server.cpu,
            "requests_without_plugin": nobody.requests,
            "plugins": [self._plugin(plugin, look) for plugin in self._gateway.registry],
        }

    async def plugin(self, plugin_id: str) -> Values:
        """One plugin, with what it has printed last.

        Raises:
            Problem: 404.
        """
        plugin = self.handle(plugin_id)
        look = await self._watch.look()
        lines = self._gateway.printed.of(plugin_id).last(OUTPUT_LINES)
        return self._plugin(plugin, look) | {"output": [asdict(line) for line in lines]}

    def history(self, plugin_id: str) -> list[Values]:
        """The last hour of a plugin, from each sample to the next.

        Raises:
            Problem: 404.
        """
        self.handle(plugin_id)
        return [_stretch(stretch) for stretch in self.stretches(plugin_id)]

    def stretches(self, plugin_id: str) -> Sequence[Stretch]:
        """The same, not for JSON."""
        return self._watch.history.stretches(plugin_id)

    def hooks(self) -> list[Values]:
        """The hooks that the host has asked of plugins, by outcome, the slowest first; none where there is no host."""
        host = self._gateway.host
        return [_hook(each) for each in of_hooks(host.figures)] if host is not None else []

    def handle(self, plugin_id: str) -> PluginHandle:
        """A plugin.

        Raises:
            Problem: 404.
        """
        plugin = self._gateway.registry.get(plugin_id)
        if plugin is None:
            raise no_such("plugin")
        return plugin

    def _plugin(self, plugin: PluginHandle, look: Look) -> Values:
        used, replicas = look.used.get(plugin.id), plugin.replicas
        # There is none yet of a plugin that has come since.
        now, history = look.samples.get(plugin.id) or sample(look.time, NONE, None, None), self._watch.history
        return {
            "id": plugin.id,
            "state": plugin.state.value,
            "reason": plugin.reason,
            "since": _latest([replica.since for replica in replicas]),
            "restarts": plugin.restarts,
            "replicas_running": sum(replica.state is PluginState.RUNNING for replica in replicas),
            "started_in": plugin.started_in,
            "memory_bytes": used.memory if used is not None else None,
            "cpu_seconds": used.cpu if used is not None else None,
            "last_minute": _stretch(history.since(plugin.id, now, MINUTE)),
            "last_5_minutes": _stretch(history.since(plugin.id, now, FIVE_MINUTES)),
            "totals": _totals(look.totals.get(plugin.id, NONE)),
            "replicas": [_replica(replica) for replica in replicas],
        }


def plugins_by_need(plugins: Sequence[Values]) -> list[Values]:
    """Those first that somebody has to look at: what does not run, and then what is slowest."""

    def need(plugin: Values) -> tuple[bool, float, str]:
        return plugin["state"] == "running", -(plugin["last_5_minutes"]["p99"] or 0.0), plugin["id"]

    return sorted(plugins, key=need)


def _replica(replica: Replica) -> Values:
    described: Mapping[str, Any] = replica.describe()
    return {
        "replica": replica.number,
        "state": replica.state.value,
        "endpoint": described.get("endpoint"),
        "phase": described.get("phase"),
        "reason": replica.reason,
        "since": replica.since,
        "restarts": replica.restarts,
        "pid": described.get("pid"),
        "transport": described.get("transport"),
        "failures": [{"time": failure.time, "reason": failure.reason} for failure in replica.failures],
    }


def _totals(counted: Totals) -> Values:
    return {
        "requests": counted.requests,
        "errors": counted.errors,
        "classes": counted.classes,
        "p50": quantile(0.5, counted.durations),
        "p99": quantile(0.99, counted.durations),
        "first_byte_p50": quantile(0.5, counted.first_bytes),
        "first_byte_p99": quantile(0.99, counted.first_bytes),
        "refusals": counted.refusals,
        "cut_short": counted.cut_short,
        "bytes_in": counted.bytes_in,
        "bytes_out": counted.bytes_out,
        "websockets": counted.websockets,
        "in_flight": counted.in_flight,
    }


def _stretch(stretch: Stretch) -> Values:
    return {
        "time": round(stretch.time, 3),
        "requests_per_second": stretch.per_second,
        "errors_per_second": stretch.errors_per_second,
        "p50": stretch.p50,
        "p99": stretch.p99,
        "in_flight": stretch.in_flight,
        "memory_bytes": stretch.memory,
        "cpu": stretch.cpu,
    }


def _hook(counted: HookTotals) -> Values:
    return {
        "plugin": counted.plugin,
        "hook": counted.hook,
        "outcome": counted.outcome,
        "count": counted.count,
        "seconds": counted.seconds,
        "p50": quantile(0.5, counted.buckets),
        "p99": quantile(0.99, counted.buckets),
    }


def _latest(times: Sequence[float | None]) -> float | None:
    return max([each for each in times if each is not None], default=None)
