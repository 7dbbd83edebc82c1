"""The figures as Prometheus' metrics, with names and units by OpenTelemetry's HTTP conventions in Prometheus form.

Where these conventions have no name for something it begins with `servehttp_`. `plugin_id` is a label of all that
belongs to a plugin; it is empty for requests that no plugin was found for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Final, NamedTuple, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar as ToldExemplar

from servehttp.build import build_name
from servehttp.figures import API_CALLS, BOUNDS, HOOKS, Counts, Exemplar, Figures
from servehttp.front import ledger
from servehttp.front.server import CONNECTIONS, CPU, IN_FLIGHT, LAG, MEMORY
from servehttp.metrics.processes import Usage
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.states import PluginState

Bucket: TypeAlias = tuple[str, float] | tuple[str, float, ToldExemplar]
Series: TypeAlias = Mapping[tuple[str, ...], Sequence[float]]
Looked: TypeAlias = Mapping[tuple[str, ...], Mapping[int, Exemplar]]
Make: TypeAlias = Callable[[str, str, Series, Sequence[str], Looked], Metric]

STATE: Final = "plugin_state"
REPLICAS: Final = "plugin_replicas"
ENDPOINTS: Final = "plugin_endpoints"
RESTARTS: Final = "plugin_restarts"
START: Final = "plugin_start"
PLUGIN_CPU: Final = "plugin_cpu"
PLUGIN_MEMORY: Final = "plugin_memory"
STARTED: Final = "plugin_started"
BUILD: Final = "build"

PLUGIN: Final = ("plugin_id",)


def _counter(name: str, documentation: str, series: Series, labels: Sequence[str], _: Looked) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=labels)
    for values, (number,) in sorted(series.items()):
        family.add_metric(values, number)
    return family


def _gauge(name: str, documentation: str, series: Series, labels: Sequence[str], _: Looked) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, (number,) in sorted(series.items()):
        family.add_metric(values, number)
    return family


def _histogram(name: str, documentation: str, series: Series, labels: Sequence[str], exemplars: Looked) -> Metric:
    family = HistogramMetricFamily(name, documentation, labels=labels)
    for values, (*numbers, total) in sorted(series.items()):
        family.add_metric(values, _cumulative(numbers, exemplars.get(values, {})), total)
    return family


def _cumulative(numbers: Sequence[float], exemplars: Mapping[int, Exemplar]) -> list[Bucket]:
    """Prometheus counts in each bucket what the smaller ones have as well."""
    buckets: list[Bucket] = []
    below = 0.0
    for place, (bound, number) in enumerate(zip((*BOUNDS, float("inf")), numbers, strict=True)):
        below += number
        name = str(float(bound)) if bound < float("inf") else "+Inf"
        shown = exemplars.get(place)
        if shown is None:
            buckets.append((name, below))
        else:
            told = ToldExemplar({"trace_id": shown.trace_id}, shown.seconds, shown.time)
            buckets.append((name, below, told))
    return buckets


class Told(NamedTuple):
    """How a family of figures is told."""

    of: str
    """The family."""
    make: Make
    name: str
    documentation: str
    labels: tuple[str, ...] = PLUGIN


# fmt: off
TABLE: Final = (
    Told(ledger.REQUESTS, _histogram, "http_server_request_duration_seconds",
         "Requests, from their head to the last byte of the response.",
         ("plugin_id", "http_request_method", "http_response_status_class")),
    Told(ledger.FIRST_BYTE, _histogram, "servehttp_first_byte_seconds",
         "Requests and handshakes, from their head to the first byte of the response."),
    Told(ledger.WEBSOCKETS, _counter, "servehttp_websockets",
         "WebSockets that are over, and handshakes that were refused.", ("plugin_id", "http_response_status_class")),
    Told(ledger.MESSAGES, _counter, "servehttp_websocket_messages",
         "Messages of WebSockets that are over, to the plugin and back.", ("plugin_id", "direction")),
    Told(ledger.BYTES, _counter, "servehttp_body_bytes",
         "Bytes of bodies and WebSocket messages of what is over, from the client and to it.",
         ("plugin_id", "direction")),
    Told(ledger.REFUSALS, _counter, "servehttp_refusals",
         "Answers of the gateway's own.", ("plugin_id", "http_response_status_code")),
    Told(ledger.WAITS, _counter, "servehttp_flow_wait_seconds",
         "Seconds that bodies and messages of what is over waited for credit: for the plugin to take them, in; for the "
         "client to read on, out.", ("plugin_id", "direction")),
    Told(ledger.CUT_SHORT, _counter, "servehttp_exchanges_cut_short",
         "Exchanges that ended before the response was complete, or in an open WebSocket.", ("plugin_id", "cause")),
    Told(IN_FLIGHT, _gauge, "http_server_active_requests", "Requests and WebSockets that are open."),
    Told(CONNECTIONS, _gauge, "servehttp_connections", "Connections of clients.", ()),
    Told(CPU, _counter, "servehttp_server_cpu_seconds", "CPU time of the processes that serve HTTP.", ()),
    Told(MEMORY, _gauge, "servehttp_server_memory_bytes", "Resident memory of the processes that serve HTTP.", ()),
    Told(LAG, _histogram, "servehttp_event_loop_lag_seconds", "How late a timer of the event loop was.", ()),
    Told(STATE, _gauge, "servehttp_plugin_state", "1 for the state it is in.", ("plugin_id", "state")),
    Told(REPLICAS, _gauge, "servehttp_plugin_replicas", "Replicas that run."),
    Told(ENDPOINTS, _gauge, "servehttp_plugin_endpoints",
         "Endpoints of a plugin on other machines, by where they are in their lives.", ("plugin_id", "state")),
    Told(RESTARTS, _counter, "servehttp_plugin_restarts", "How often it was started again."),
    Told(START, _gauge, "servehttp_plugin_start_seconds", "What its last start took."),
    Told(PLUGIN_CPU, _counter, "servehttp_plugin_cpu_seconds", "CPU time of its processes."),
    Told(PLUGIN_MEMORY, _gauge, "servehttp_plugin_memory_bytes", "Resident memory of its processes."),
    Told(STARTED, _gauge, "servehttp_plugin_start_time_seconds", "When its processes started, since 1970."),
    Told(HOOKS, _histogram, "servehttp_hook_duration_seconds",
         "Hooks that were asked of plugins, until their answer.", ("plugin_id", "hook", "outcome")),
    Told(API_CALLS, _histogram, "servehttp_api_call_duration_seconds",
         "Calls of plugins to the host's API, until their answer.", ("plugin_id", "rpc", "outcome")),
    Told(BUILD, _gauge, "servehttp_build_info", "The release.", ("version", "build")),
)
# fmt: on


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
    now = _of_now(plugins, used)
    for told in TABLE:
        found = next((each for each in (*counts, of_host, now) if each.family(told.of)), now)
        yield told.make(told.name, told.documentation, found.family(told.of), told.labels, found.exemplars(told.of))


def _of_now(plugins: Iterable[PluginHandle], used: Mapping[str, Usage]) -> Figures:
    """What nobody has counted: how the plugins are, and which release this is."""
    now = Figures()
    for plugin in plugins:
        for state in PluginState:
            now.count(STATE, (plugin.id, state.value), plugin.state is state)
        now.count(REPLICAS, (plugin.id,), sum(replica.state is PluginState.RUNNING for replica in plugin.replicas))
        for phase in (replica.phase for replica in plugin.replicas):
            if phase is not None:
                now.count(ENDPOINTS, (plugin.id, phase))
        now.count(RESTARTS, (plugin.id,), plugin.restarts)
        if plugin.started_in is not None:
            now.count(START, (plugin.id,), plugin.started_in)
    for plugin_id, usage in used.items():
        now.count(PLUGIN_CPU, (plugin_id,), usage.cpu)
        now.count(PLUGIN_MEMORY, (plugin_id,), usage.memory)
        now.count(STARTED, (plugin_id,), usage.started)
    now.count(BUILD, (version("servehttp"), build_name()))
    return now
