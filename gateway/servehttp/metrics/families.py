"""The figures as families of metrics, with names and units by OpenTelemetry's HTTP conventions in Prometheus form.

Where these conventions have no name for something it begins with `servehttp_`. `plugin_id` is a label of all that
belongs to a plugin; it is empty for requests that no plugin was found for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from servehttp.build import build_name
from servehttp.figures import API_CALLS, BOUNDS, HOOKS, Counts, Figures
from servehttp.front import ledger
from servehttp.front.server import CONNECTIONS, CPU, IN_FLIGHT, LAG, MEMORY
from servehttp.metrics.processes import Usage
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.states import PluginState

PLUGIN = ("plugin_id",)

Series: TypeAlias = Mapping[tuple[str, ...], Sequence[float]]


def families(
    counts: Counts, plugins: Iterable[PluginHandle], used: Mapping[str, Usage], of_host: Figures
) -> Iterator[Metric]:
    """Everything that is told.

    Args:
        counts: those of the processes that serve HTTP.
        plugins: all of them.
        used: what their processes take, by id.
        of_host: what was counted of hooks and API calls; empty where there is no host.
    """
    counted, present = counts
    yield from _traffic(counted)
    yield _gauge("http_server_active_requests", "Requests and WebSockets that are open.", present.family(IN_FLIGHT))
    yield _gauge("servehttp_connections", "Connections of clients.", present.family(CONNECTIONS), ())
    yield _counter(
        "servehttp_server_cpu_seconds", "CPU time of the processes that serve HTTP.", counted.family(CPU), ()
    )
    yield _gauge(
        "servehttp_server_memory_bytes", "Resident memory of the processes that serve HTTP.", present.family(MEMORY), ()
    )
    yield _histogram(
        "servehttp_event_loop_lag_seconds", "How late a timer of the event loop was.", counted.family(LAG), ()
    )
    yield from _of_plugins(plugins)
    yield from _of_processes(used)
    yield _histogram(
        "servehttp_hook_duration_seconds",
        "Hooks that were asked of plugins, until their answer.",
        of_host.family(HOOKS),
        ("plugin_id", "hook", "outcome"),
    )
    yield _histogram(
        "servehttp_api_call_duration_seconds",
        "Calls of plugins to the host's API, until their answer.",
        of_host.family(API_CALLS),
        ("plugin_id", "rpc", "outcome"),
    )
    build = GaugeMetricFamily("servehttp_build_info", "The release.", labels=("version", "build"))
    build.add_metric((version("servehttp"), build_name()), 1)
    yield build


def _traffic(counted: Figures) -> Iterator[Metric]:
    yield _histogram(
        "http_server_request_duration_seconds",
        "Requests, from their head to the last byte of the response.",
        counted.family(ledger.REQUESTS),
        ("plugin_id", "http_request_method", "http_response_status_class"),
    )
    yield _histogram(
        "servehttp_first_byte_seconds",
        "Requests and handshakes, from their head to the first byte of the response.",
        counted.family(ledger.FIRST_BYTE),
    )
    yield _counter(
        "servehttp_websockets",
        "WebSockets that are over, and handshakes that were refused.",
        counted.family(ledger.WEBSOCKETS),
        ("plugin_id", "http_response_status_class"),
    )
    yield _counter(
        "servehttp_websocket_messages",
        "Messages of WebSockets that are over, to the plugin and back.",
        counted.family(ledger.MESSAGES),
        ("plugin_id", "direction"),
    )
    yield _counter(
        "servehttp_body_bytes",
        "Bytes of bodies and WebSocket messages of what is over, to the plugin and back.",
        counted.family(ledger.BYTES),
        ("plugin_id", "direction"),
    )
    yield _counter(
        "servehttp_refusals",
        "Answers of the gateway's own.",
        counted.family(ledger.REFUSALS),
        ("plugin_id", "http_response_status_code"),
    )
    yield _counter(
        "servehttp_exchanges_cut_short",
        "Exchanges that ended before the response was complete, or in an open WebSocket.",
        counted.family(ledger.CUT_SHORT),
        ("plugin_id", "cause"),
    )


def _of_plugins(plugins: Iterable[PluginHandle]) -> Iterator[Metric]:
    state = GaugeMetricFamily("servehttp_plugin_state", "1 for the state it is in.", labels=("plugin_id", "state"))
    replicas = GaugeMetricFamily("servehttp_plugin_replicas", "Replicas that run.", labels=PLUGIN)
    restarts = CounterMetricFamily("servehttp_plugin_restarts", "How often it was started again.", labels=PLUGIN)
    took = GaugeMetricFamily("servehttp_plugin_start_seconds", "What its last start took.", labels=PLUGIN)
    for plugin in plugins:
        for each in PluginState:
            state.add_metric((plugin.id, each.value), plugin.state is each)
        running = sum(replica.state is PluginState.RUNNING for replica in plugin.replicas)
        replicas.add_metric((plugin.id,), running)
        restarts.add_metric((plugin.id,), plugin.restarts)
        if plugin.started_in is not None:
            took.add_metric((plugin.id,), plugin.started_in)
    yield from (state, replicas, restarts, took)


def _of_processes(used: Mapping[str, Usage]) -> Iterator[Metric]:
    cpu = CounterMetricFamily("servehttp_plugin_cpu_seconds", "CPU time of its processes.", labels=PLUGIN)
    memory = GaugeMetricFamily("servehttp_plugin_memory_bytes", "Resident memory of its processes.", labels=PLUGIN)
    started = GaugeMetricFamily(
        "servehttp_plugin_start_time_seconds", "When its processes started, since 1970.", labels=PLUGIN
    )
    for plugin_id, each in used.items():
        cpu.add_metric((plugin_id,), each.cpu)
        memory.add_metric((plugin_id,), each.memory)
        started.add_metric((plugin_id,), each.started)
    yield from (cpu, memory, started)


def _counter(name: str, documentation: str, series: Series, labels: Sequence[str]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=labels)
    for values, (number,) in sorted(series.items()):
        family.add_metric(values, number)
    return family


def _gauge(name: str, documentation: str, series: Series, labels: Sequence[str] = PLUGIN) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, (number,) in sorted(series.items()):
        family.add_metric(values, number)
    return family


def _histogram(name: str, documentation: str, series: Series, labels: Sequence[str] = PLUGIN) -> Metric:
    family = HistogramMetricFamily(name, documentation, labels=labels)
    for values, (*numbers, total) in sorted(series.items()):
        family.add_metric(values, _cumulative(numbers), total)
    return family


def _cumulative(numbers: Sequence[float]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket what the smaller ones have as well."""
    buckets, below = [], 0.0
    for bound, number in zip((*BOUNDS, float("inf")), numbers, strict=True):
        below += number
        buckets.append((str(float(bound)) if bound < float("inf") else "+Inf", below))
    return buckets
