"""How long an edit of a plugin takes until it is served, beside the start of that plugin.

In each round a gateway is started that reloads, which tells how long the plugin's start took; then the plugin is edited
again and again, and asked until it answers what was written. Exit codes: 0 within the target, 1 a gateway failed, 2
wrong usage, 5 the target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from harness import machine
from harness.options import at_least_one, default
from harness.results import results_path, write_json
from harness.statistics import median, middle_ratio, spread
from harness.table import as_text

from servehttp.authoring.scaffold import Names, Template, create
from support.client import fetch
from support.gateway import Gateway, running

ROUNDS, EDITS = 7, 5
TARGET = 1.5
"""Times the plugin's start that an edit may take."""
GREETING = "/plugins/com.example.edited/greeting"
WRITTEN = "Hello, {name}!"
PAUSE = 0.01
"""Seconds between two questions: more of them would take time from the start that they wait for."""
LONGEST = 60.0
"""Seconds for an edit to be served."""
MISSED = 5


def main() -> int:
    """Measure and print; returns the exit code."""
    arguments = parse(sys.argv[1:])
    began = datetime.now(UTC)
    load = machine.load()
    try:
        starts, edits = asyncio.run(measure(arguments.rounds, arguments.edits))
    except (AssertionError, TimeoutError) as error:
        print(f"a gateway failed: {error}", file=sys.stderr)
        return 1
    ratio = middle_ratio(edits, starts)
    document = {
        "kind": "bench-reload",
        "made": began.isoformat(timespec="seconds"),
        "load": [load, machine.load()],
        **machine.describe(),
        "plan": {"rounds": arguments.rounds, "edits": arguments.edits},
        "start_seconds": starts,
        "edit_seconds": edits,
        "ratio": ratio,
    }
    write_json(arguments.out, document)
    least, greatest = spread(edits, starts)
    rows = [("start of the plugin", f"{median(starts):.3f} s", ""), ("edit to served", f"{median(edits):.3f} s", "")]
    rows.append(("ratio", f"{ratio:.2f}", f"{least:.2f} to {greatest:.2f}; target at most {TARGET}"))
    print(as_text(("median", "", "rounds"), rows))
    print(f"\nload of the machine before and after: {document['load']}; everything is in {arguments.out}")
    return 0 if ratio <= TARGET else MISSED


async def measure(rounds: int, edits: int) -> tuple[list[float], list[float]]:
    """Seconds of a plugin's start, and of an edit until it was served, the median of a round's edits; of each round.

    Raises:
        AssertionError: a gateway did not come up.
        TimeoutError: an edit was never served.
    """
    starts, served = [], []
    for _ in range(rounds):
        async with reloading() as (gateway, plugin):
            started = await gateway.log(lambda entry: entry["event"] == "plugin runs")
            await edit_to_served(gateway, plugin, "begun")  # before which the watch may not have begun
            starts.append(float(started["seconds"]))
            served.append(median([await edit_to_served(gateway, plugin, f"edited {n}") for n in range(edits)]))
    return starts, served


class Edited:
    """A plugin that greets as it was told last.

    Args:
        parent: where its folder is made.
    """

    def __init__(self, parent: Path) -> None:
        self.folder = create(Names.of("edited"), Template.PAGE, parent)
        self._script = self.folder / "plugin.py"
        self._text = self._script.read_text(encoding="utf-8")

    def write(self, greeting: str) -> None:
        """Edit it."""
        self._script.write_text(self._text.replace(WRITTEN, greeting), encoding="utf-8")


@asynccontextmanager
async def reloading() -> AsyncIterator[tuple[Gateway, Edited]]:
    """A gateway with a plugin that it reloads."""
    with tempfile.TemporaryDirectory(prefix="reload-") as parent:
        plugin = Edited(Path(parent))
        async with running(plugin.folder, "--reload") as gateway:
            yield gateway, plugin


async def greeting_of(gateway: Gateway) -> object:
    """What the plugin answers now."""
    return (await fetch(gateway.port, GREETING)).json()["greeting"]


async def edit_to_served(gateway: Gateway, plugin: Edited, greeting: str) -> float:
    """Seconds from an edit to the first answer that has what was written."""
    began = time.perf_counter()
    plugin.write(greeting)
    async with asyncio.timeout(LONGEST):
        while await greeting_of(gateway) != greeting:  # noqa: ASYNC110  # another process tells nothing
            await asyncio.sleep(PAUSE)
    return time.perf_counter() - began


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=default("ROUNDS", ROUNDS), help="gateways in turn")
    parser.add_argument("--edits", type=at_least_one, default=EDITS, help="of each round")
    parser.add_argument("--out", type=Path, default=results_path("bench-reload", whole=True), help="where results go")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
