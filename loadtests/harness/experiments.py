"""What is run for the figures: each experiment takes all its sides in turn, round after round.

So whatever else the machine does meets all sides alike. Each side has a short run before the first round that counts
for nothing.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import bulk, sides
from harness.errors import MeasurementError, NotMeasured
from harness.idle import hold_clients
from harness.measures import Figures
from harness.processes import allow_open_files, read
from harness.sides import BOTH, ONE, Side
from harness.usage import memory_bytes
from harness.wrk import BROWSER_HEADERS, COOKIE, run_wrk

MANY, FEW = 64, 8
"""Connections."""
WARM_UP = 1
SETTLE = 1.0
"""Seconds."""
SMALL_BODY = "b" * 100
BULK = 256 * 2**20
NEIGHBOUR = 2**30
"""Bytes."""
CLIENTS = 1000
FILES = 2 * CLIENTS + 500
"""Open files that a gateway with so many clients may need, and the harness beside."""
PLUGINS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: rounds, and seconds of each run of wrk."""

    rounds: int
    seconds: int


@dataclass(slots=True)
class Outcome:
    """The figures; why a side has none; why there are none at all."""

    figures: Figures = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    reason: str | None = None


Run = Callable[[int], Mapping[str, float]]
"""One run of one side; takes the seconds it should last, and gives the figures."""


def take_turns(plan: Plan, runs: Mapping[str, Run]) -> Figures:
    """Every side once to warm up, then every side once in each round."""
    for run in runs.values():
        run(WARM_UP)
    figures: Figures = {name: {} for name in runs}
    for _ in range(plan.rounds):
        for name, run in runs.items():
            for quantity, value in run(plan.seconds).items():
                figures[name].setdefault(quantity, []).append(value)
    return figures


@contextmanager
def start_all(starts: Sequence[tuple[str, AbstractContextManager[Side]]]) -> Iterator[tuple[list[Side], Outcome]]:
    """The sides that can be started here; why the others cannot is in the outcome."""
    outcome = Outcome()
    with ExitStack() as stack:
        up = []
        for name, start in starts:
            try:
                up.append(stack.enter_context(start))
            except NotMeasured as reason:
                outcome.missing[name] = str(reason)
        yield up, outcome


def beside_both(plan: Plan, run: Callable[[Side], Run]) -> Outcome:
    """What `run` makes of each: uvicorn alone, nginx before it, and the gateway."""
    starts = [("uvicorn", sides.uvicorn(ONE)), ("nginx", sides.nginx(ONE)), ("gateway", sides.gateway(ONE))]
    with start_all(starts) as (up, outcome):
        outcome.figures = take_turns(plan, {side.name: run(side) for side in up})
    return outcome


def _wrk(side: Side, connections: int, headers: Sequence[str] = ()) -> Run:
    return lambda seconds: asdict(run_wrk(side, "/json", connections=connections, seconds=seconds, headers=headers))


def small(plan: Plan) -> Outcome:
    """GET /json over 64 connections."""
    starts = [
        ("uvicorn", sides.uvicorn(ONE)),
        ("nginx", sides.nginx(ONE)),
        ("gateway", sides.gateway(ONE)),
        ("servehttp", sides.gateway(ONE, "servehttp")),
    ]
    with start_all(starts) as (up, outcome):
        outcome.figures = take_turns(plan, {side.name: _wrk(side, MANY) for side in up})
    return outcome


def single(plan: Plan) -> Outcome:
    """GET /json over 1 connection."""
    return beside_both(plan, lambda side: _wrk(side, 1))


def headers(plan: Plan) -> Outcome:
    """GET /json with what a browser sends, over 64 connections."""
    return beside_both(plan, lambda side: _wrk(side, MANY, (*BROWSER_HEADERS, COOKIE)))


def posts(plan: Plan) -> Outcome:
    """POST /upload with a small body, over 64 connections."""

    def post(side: Side) -> Run:
        return lambda seconds: asdict(run_wrk(side, "/upload", connections=MANY, seconds=seconds, body=SMALL_BODY))

    return beside_both(plan, post)


def bulk_transfer(plan: Plan) -> Outcome:
    """256 MiB down, then up, over one connection each."""

    def both_ways(side: Side) -> Run:
        return lambda _seconds: {
            "download": BULK / bulk.download(side.port, side.path("/bytes"), BULK) / 1e6,
            "upload": BULK / bulk.upload(side.port, side.path("/upload"), BULK) / 1e6,
        }

    return beside_both(plan, both_ways)


def neighbours(plan: Plan) -> Outcome:
    """GET /json over 8 connections of one gateway, alone and beside large bodies both ways, again and again."""
    with sides.gateway(ONE) as side:
        quiet = _wrk(side, FEW)

        def busy(seconds: int) -> Mapping[str, float]:
            with bulk.repeated("download", side.port, side.path("/bytes"), NEIGHBOUR), bulk.repeated(
                "upload", side.port, side.path("/upload"), NEIGHBOUR
            ):  # fmt: skip
                return quiet(seconds)

        return Outcome(take_turns(plan, {"quiet": quiet, "busy": busy}))


def memory(plan: Plan) -> Outcome:
    """What 1,000 clients cost that wait for server-sent events; fresh processes each time."""
    if not allow_open_files(FILES):
        raise NotMeasured(f"{FILES} open files are needed, and `ulimit -Hn` allows fewer")
    return _fresh(
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
        return _fresh(
            plan,
            {
                "one": lambda: {"seconds": _start_time(plugins[:1])},
                "ten": lambda: {"seconds": _start_time(plugins)},
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


def _fresh(plan: Plan, runs: Mapping[str, Callable[[], Mapping[str, float]]]) -> Outcome:
    """Sides that are started anew for every run, and so need no warm-up but the first."""
    return Outcome(take_turns(plan, {name: _ignore_seconds(run) for name, run in runs.items()}))


def _ignore_seconds(run: Callable[[], Mapping[str, float]]) -> Run:
    return lambda _seconds: run()


EXPERIMENTS: Mapping[str, Callable[[Plan], Outcome]] = {
    "small": small,
    "single": single,
    "headers": headers,
    "posts": posts,
    "bulk": bulk_transfer,
    "neighbours": neighbours,
    "memory": memory,
    "start": start,
}
"""By the names that the measures use."""
