"""How many posts a second gateways write that share one PostgreSQL database: one process, and two.

Usage: python loadtests/writers.py postgresql://HOST/NAME [--other postgresql://HOST/OTHER] [--seconds 5] [--at-once 8]

The databases are for tests: their tables are made, and what is written stays in them. A process stands for a gateway:
it opens the workspace and creates posts, several at once, in a channel of its own. With `--other` two processes are
measured with a database each as well, where neither waits for the other one: no way of locking could do better.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

from mattermost_plugin.models import Channel, Post, Team, User
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace, open_workspace

START = 60
"""Seconds that processes have to be ready."""


@dataclass(frozen=True)
class Load:
    """What one process does: for how many seconds, and how many posts at once."""

    url: str
    seconds: float
    at_once: int


_barrier: Barrier


def main() -> None:
    """Measure, and print a line for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--other", help="the URL of another database")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    load = Load(options.url, options.seconds, options.at_once)
    one = posts_per_second([load])
    print(f"1 process: {one:.0f} posts/s")
    _compare("2 processes", posts_per_second([load, load]), one)
    if options.other:
        apart = posts_per_second([load, replace(load, url=options.other)])
        _compare("2 processes with a database each", apart, one)


def posts_per_second(loads: list[Load]) -> float:
    """What processes write together, one for each load; all loads take the same time."""
    with _gateways(len(loads)) as pool:
        return sum(pool.map(_write_in_process, loads)) / loads[0].seconds


def _compare(what: str, many: float, one: float) -> None:
    print(f"{what}: {many:.0f} posts/s, {many / one:.2f} times as many")


@contextmanager
def _gateways(processes: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, initializer=_share, initargs=(barrier,)) as pool:
        yield pool


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _write_in_process(load: Load) -> int:
    return asyncio.run(_write(load))


async def _write(load: Load) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with open_workspace(Path(folder), WorkspaceSettings(database_url=load.url)) as workspace:
            author, channel = await _scene(workspace)
            _barrier.wait(START)
            end = time.monotonic() + load.seconds
            counts = await asyncio.gather(*(_post_until(workspace, author, channel, end) for _ in range(load.at_once)))
            return sum(counts)


async def _scene(workspace: Workspace) -> tuple[User, Channel]:
    name = secrets.token_hex(6)
    author = await workspace.users.create(
        User(username=f"u{name}", email=f"{name}@example.com", password=secrets.token_hex(8))
    )
    team = await workspace.teams.create(Team(name=f"t{name}", display_name=name, type="O"))
    channel = await workspace.channels.create(Channel(team_id=team.id, name=name, display_name=name, type="O"))
    await workspace.team_members.add(team.id, author.id)
    await workspace.channel_members.add(channel.id, author.id)
    return author, channel


async def _post_until(workspace: Workspace, author: User, channel: Channel, end: float) -> int:
    for count in itertools.count():
        if time.monotonic() >= end:
            return count
        await workspace.posts.create(Post(channel_id=channel.id, user_id=author.id, message="hello"))
    raise AssertionError("a count has no end")


if __name__ == "__main__":
    main()
