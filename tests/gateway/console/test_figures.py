"""What the console tells are the figures that Prometheus is told."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from servehttp.console.history import SAMPLES, History, sample
from servehttp.console.quantiles import quantile
from servehttp.console.totals import Totals, of_hooks, totals
from servehttp.figures import BOUNDS, Counts, Figures
from servehttp.front import ledger
from servehttp.metrics.families import families
from support.consoles import FAST, SLOW, Scene, console, hooked
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio

Told = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A console, after some requests."""
    async with console(tmp_path_factory.mktemp("figures"), workspace=True) as scene:
        server = scene.server
        server.serve(FAST, 0.002, 60)
        server.serve(FAST, 0.02, 3)
        server.serve(SLOW, 0.7, 20)
        server.serve(SLOW, 3.0, 5, "5xx")
        server.serve("", 0.001, 2, "4xx")
        server.open(SLOW, 4)
        for family, labels, number in (
            (ledger.REFUSALS, (SLOW, "503"), 7), (ledger.CUT_SHORT, (SLOW, "timeout"), 2),
            (ledger.BYTES, (SLOW, "in"), 100), (ledger.BYTES, (SLOW, "out"), 9000),
            (ledger.WEBSOCKETS, (SLOW, "1xx"), 3),
        ):  # fmt: skip
            server.counted.count(family, labels, number)
        figures = scene.host.workspace.figures
        for seconds, outcome in ((0.003, "answered"), (0.004, "answered"), (5.0, "late")):
            hooked(figures, SLOW, "MessageWillBePosted", outcome, seconds)
        yield scene


@pytest.fixture(scope="module")
async def overview(scene: Scene) -> dict[str, Any]:
    answer = await scene.http.get("/api/servehttp/v1/overview", headers=await scene.user("op", "system_admin"))
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def metrics(scene: Scene) -> Told:
    """What Prometheus reads, by name and labels."""

    class Now(Collector):
        def collect(self) -> Any:
            counts = Counts(scene.server.counted, scene.server.present)
            return families(counts, scene.gateway.registry, {}, scene.host.figures)

    registry = CollectorRegistry()
    registry.register(Now())
    parsed = text_string_to_metric_families(generate_latest(registry).decode())
    return {(each.name, *sorted(each.labels.values())): each.value for family in parsed for each in family.samples}


def summed(metrics: Told, name: str, *labels: str) -> float:
    return sum(value for (key, *values), value in metrics.items() if key == name and set(labels) <= set(values))


def buckets(metrics: Told, name: str, *labels: str) -> list[float]:
    """Each counted once, as Prometheus' query does it."""
    bounds = [*map(str, map(float, BOUNDS)), "+Inf"]
    below = [summed(metrics, f"{name}_bucket", *labels, bound) for bound in bounds]
    return [number - before for number, before in zip(below, [0.0, *below], strict=False)]


@pytest.mark.parametrize("plugin_id", [FAST, SLOW])
async def test_every_total_of_a_plugin_is_that_of_the_metrics(
    overview: dict[str, Any], metrics: Told, plugin_id: str
) -> None:
    plugin = next(each for each in overview["plugins"] if each["id"] == plugin_id)
    told, requests = plugin["totals"], "http_server_request_duration_seconds"
    assert told["requests"] == summed(metrics, f"{requests}_count", plugin_id) > 0
    assert told["errors"] == summed(metrics, f"{requests}_count", plugin_id, "5xx")
    for name, number in told["classes"].items():
        assert number == summed(metrics, f"{requests}_count", plugin_id, name)
    assert told["p50"] == quantile(0.5, buckets(metrics, requests, plugin_id))
    assert told["p99"] == quantile(0.99, buckets(metrics, requests, plugin_id))
    assert told["first_byte_p99"] == quantile(0.99, buckets(metrics, "servehttp_first_byte_seconds", plugin_id))
    assert told["in_flight"] == summed(metrics, "http_server_active_requests", plugin_id)
    assert told["bytes_in"] == summed(metrics, "servehttp_body_bytes_total", plugin_id, "in")
    assert told["bytes_out"] == summed(metrics, "servehttp_body_bytes_total", plugin_id, "out")
    assert told["websockets"] == summed(metrics, "servehttp_websockets_total", plugin_id)
    assert sum(told["refusals"].values()) == summed(metrics, "servehttp_refusals_total", plugin_id)
    assert sum(told["cut_short"].values()) == summed(metrics, "servehttp_exchanges_cut_short_total", plugin_id)
    assert plugin["restarts"] == summed(metrics, "servehttp_plugin_restarts_total", plugin_id)
    assert plugin["replicas_running"] == summed(metrics, "servehttp_plugin_replicas", plugin_id)
    assert plugin["started_in"] == summed(metrics, "servehttp_plugin_start_seconds", plugin_id)
    assert summed(metrics, "servehttp_plugin_state", plugin_id, plugin["state"]) == 1


async def test_every_figure_of_the_gateway_is_that_of_the_metrics(overview: dict[str, Any], metrics: Told) -> None:
    assert overview["connections"] == summed(metrics, "servehttp_connections") == 3
    assert overview["memory_bytes"] == summed(metrics, "servehttp_server_memory_bytes")
    assert overview["cpu_seconds"] == summed(metrics, "servehttp_server_cpu_seconds_total")
    assert overview["requests_without_plugin"] == summed(metrics, "http_server_request_duration_seconds_count", "")
    assert summed(metrics, "servehttp_build_info", overview["version"], overview["build"]) == 1


async def test_hooks_are_those_of_the_metrics(scene: Scene, metrics: Told) -> None:
    name = "servehttp_hook_duration_seconds"
    found = of_hooks(scene.host.figures)
    assert [(hook.outcome, hook.count) for hook in found] == [("late", 1), ("answered", 2)]
    for hook in found:
        assert hook.count == summed(metrics, f"{name}_count", hook.plugin, hook.hook, hook.outcome)
        assert list(hook.buckets) == buckets(metrics, name, hook.plugin, hook.hook, hook.outcome)


def test_a_quantile_lies_where_prometheus_estimates_it() -> None:
    # histogram_quantile: linear within its bucket, from 0 below the first bound; the last bound beyond it.
    counted = [0.0] * (len(BOUNDS) + 1)
    counted[3], counted[9] = 90, 10
    assert quantile(0.5, counted) == pytest.approx(0.0025 + 0.0025 * 50 / 90)
    assert quantile(0.99, counted) == pytest.approx(0.25 + 0.25 * 9 / 10)
    assert quantile(0.5, [10.0] + [0.0] * len(BOUNDS)) == BOUNDS[0] / 2
    assert quantile(0.5, [0.0] * len(BOUNDS) + [1.0]) == BOUNDS[-1]
    assert quantile(0.5, [0.0] * (len(BOUNDS) + 1)) is None


def test_rates_are_of_what_was_added_and_the_history_is_bounded() -> None:
    history, counted = History(), Totals()
    for second in range(2 * SAMPLES):
        counted.requests += 20
        counted.errors += 1
        counted.durations[3] += 20
        history.keep({SLOW: sample(10.0 * second, counted, 1000, second / 2)}, {SLOW})
    stretches = history.stretches(SLOW)
    assert len(stretches) == SAMPLES - 1
    assert {(each.per_second, each.errors_per_second, each.cpu) for each in stretches} == {(2.0, 0.1, 0.05)}
    now = sample(10.0 * second, counted, 1000, second / 2)
    assert history.since(SLOW, now, 60).per_second == 2.0
    restarted = sample(10.0 * second + 10, counted, 1000, 0.5)
    assert history.since(SLOW, restarted, 60).cpu is None, "its processes are others"
    history.keep({}, set())
    assert history.stretches(SLOW) == []


def test_totals_are_those_of_each_plugin_by_itself() -> None:
    figures = Figures()
    for _ in range(1000):
        plugin, status = random.choice("abc"), random.choice(["2xx", "4xx", "5xx", "none"])
        figures.observe(ledger.REQUESTS, (plugin, random.choice(["GET", "POST"]), status), random.random())
    found = totals(Counts(figures, Figures()))
    assert sum(each.requests for each in found.values()) == 1000
    for each in found.values():
        assert each.requests == sum(each.durations) == sum(each.classes.values())
        assert each.errors == each.classes["5xx"]
