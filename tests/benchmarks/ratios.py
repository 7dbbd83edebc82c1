"""Times of API calls and hooks, and of bare gRPC calls of the same sizes, for the rows of `make bench ONLY=calls`.

The async client and the link make them on a stream of calls, as between a plugin and a gateway of ours; by gRPC, as
with a foreign end, they are timed beside it.

python -m benchmarks.ratios --out FILE [--rounds N] [--calls N]

All take turns within each round, one call at a time unless it says otherwise, over unix sockets, with the other side in
a process of its own; no database is behind the API. FILE gets the figures of each operation as JSON.

Exit codes: 0 measured, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc.aio
from harness.measures import Figures
from harness.options import at_least_one
from harness.results import write_json
from harness.statistics import median

from benchmarks import ratio_servers
from benchmarks.operations import POST, USER_ID, user_message
from benchmarks.ratio_servers import API, BARE, PLUGIN
from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient
from mattermost_plugin.grpc.api_user_team_pb2 import GetUserRequest, GetUserResponse
from mattermost_plugin.models import PluginContext, Post, User
from mattermost_plugin.process import event_loop
from servehttp.plugins.link import Link
from servehttp.workspace.hooks.requests import request as hook_request
from support.call_ways import going
from support.patience import PATIENCE

HOOK = "MessageWillBePosted"
CONTEXT = PluginContext(session_id=USER_ID, request_id=USER_ID, ip_address="127.0.0.1", user_agent="Mozilla/5.0")
TIMEOUT = PATIENCE
"""Seconds for a hook."""
BATCHES = 8
"""How many times as many calls are timed where they are made side by side."""
ROUNDS, CALLS, WARM_UP = 61, 40, 100
AT_ONCE = 64

Timer = Callable[[int], Awaitable[float]]
"""Microseconds of one call: given how many calls, their median."""
Times = dict[str, list[float]]
"""Microseconds of one operation, the median of each round, by its name."""


MANY = ("bare calls, 64 at once", "get_user, 64 at once")
"""Timed for all 64, and told as calls a second."""


def main() -> int:
    """Measure and write; returns the exit code."""
    arguments = parse(sys.argv[1:])
    times = event_loop.run(measure(arguments.rounds, arguments.calls))
    write_json(arguments.out, figures(times))
    return 0


def figures(times: Times) -> Figures:
    """One call in microseconds, or calls a second, of each round."""
    return {
        name: {"calls": [AT_ONCE / time * 1e6 for time in found]} if name in MANY else {"call": found}
        for name, found in times.items()
    }


async def measure(rounds: int, calls: int) -> Times:
    """Time every operation in every round."""
    async with operations() as made:
        times: dict[str, list[float]] = {name: [] for name in made}
        for timer in made.values():
            await timer(WARM_UP)
        for turn in range(rounds):
            for name in made if turn % 2 == 0 else reversed(made):
                times[name].append(await made[name](calls))
    return times


def awaited(operation: Callable[[], Awaitable[object]]) -> Timer:
    """Times something asynchronous."""

    async def timer(calls: int) -> float:
        taken = []
        for _ in range(calls):
            began = time.perf_counter()
            await operation()
            taken.append(time.perf_counter() - began)
        return median(taken) * 1e6

    return timer


def at_once(operation: Callable[[], Awaitable[object]]) -> Timer:
    """Times many of something asynchronous side by side."""

    async def all_of_them() -> None:
        await asyncio.gather(*(operation() for _ in range(AT_ONCE)))

    timer = awaited(all_of_them)
    return lambda calls: timer(max(1, calls * BATCHES // AT_ONCE))


def called(operation: Callable[[], object]) -> Timer:
    """Times something that blocks, in a thread of its own."""

    def timer(calls: int) -> float:
        taken = []
        for _ in range(calls):
            began = time.perf_counter()
            operation()
            taken.append(time.perf_counter() - began)
        return median(taken) * 1e6

    return lambda calls: asyncio.to_thread(timer, calls)


@asynccontextmanager
async def operations() -> AsyncIterator[dict[str, Timer]]:
    """What is timed, connected to the other side."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder), PluginAPIClient(target(folder, API)) as blocking:
            channel = grpc.aio.insecure_channel(target(folder, BARE))
            async with (
                channel as bare,
                AsyncPluginAPIClient(target(folder, API)) as client,
                AsyncPluginAPIClient(target(folder, API)) as by_grpc,
                linked(target(folder, PLUGIN)) as link,
                linked(target(folder, PLUGIN), "grpc") as link_by_grpc,
            ):
                with going("grpc"):
                    await by_grpc.get_server_version()  # connects
                yield {
                    **api_operations(bare, client, by_grpc, blocking),
                    **await hook_operations(bare, link, link_by_grpc),
                }


@asynccontextmanager
async def linked(address: str, way: str = "direct") -> AsyncIterator[Link]:
    """A connection to the plugin."""
    with going(way):
        link = await Link.connect(address, timeout=TIMEOUT)
    try:
        yield link
    finally:
        await link.close()


def api_operations(
    bare: grpc.aio.Channel, client: AsyncPluginAPIClient, by_grpc: AsyncPluginAPIClient, blocking: PluginAPIClient
) -> dict[str, Timer]:
    """A user asked for, a bare call of the same sizes, and the conversions on both sides."""
    message = user_message()
    response = GetUserResponse(user=message)
    call = bare_call(bare, GetUserRequest(user_id=USER_ID).ByteSize(), response.ByteSize())
    return {
        "bare call as get_user": awaited(call),
        "bare calls, 64 at once": at_once(call),
        "get_user": awaited(lambda: client.get_user(USER_ID)),
        "get_user, 64 at once": at_once(lambda: client.get_user(USER_ID)),
        "get_user, by gRPC": awaited(lambda: by_grpc.get_user(USER_ID)),
        "get_user, blocking": called(lambda: blocking.get_user(USER_ID)),
        "models of get_user": called(lambda: User.from_proto(message).to_proto()),
    }


async def hook_operations(bare: grpc.aio.Channel, link: Link, by_grpc: Link) -> dict[str, Timer]:
    """A post shown to the plugin, a bare call of the same sizes, and the conversions on both sides."""
    request = hook_request(HOOK, CONTEXT, {"post": POST})
    response = await link.call(HOOK, request, TIMEOUT)

    def convert() -> None:
        Post.from_proto(POST.to_proto())
        PluginContext.from_proto(CONTEXT.to_proto())

    return {
        "bare call as hook": awaited(bare_call(bare, request.ByteSize(), response.ByteSize())),
        "hook": awaited(lambda: link.call(HOOK, request, TIMEOUT)),
        "hook, by gRPC": awaited(lambda: by_grpc.call(HOOK, request, TIMEOUT)),
        "models of hook": called(convert),
    }


def bare_call(channel: grpc.aio.Channel, sent: int, received: int) -> Callable[[], Awaitable[bytes]]:
    """A call that sends and receives so many bytes, without messages."""
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/bare/{received}")
    request = bytes(sent)
    return lambda: method(request)


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """The other side, while it listens."""
    command = [sys.executable, "-m", ratio_servers.__name__, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.terminate()


def target(folder: Path, socket: str) -> str:
    """A socket as gRPC names it."""
    return f"unix:{folder / socket}"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the figures go")
    parser.add_argument("--rounds", type=at_least_one, default=ROUNDS, help="how often all take turns")
    parser.add_argument("--calls", type=at_least_one, default=CALLS, help="calls of each in a round")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
