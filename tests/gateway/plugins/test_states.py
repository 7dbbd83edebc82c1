from __future__ import annotations

import asyncio
import itertools

import pytest

from servehttp.plugins.states import MOVES, Lifecycle, PluginState
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

PATHS = {
    PluginState.STOPPED: [],
    PluginState.QUEUED: [PluginState.QUEUED],
    PluginState.STARTING: [PluginState.STARTING],
    PluginState.RUNNING: [PluginState.STARTING, PluginState.RUNNING],
    PluginState.RESTARTING: [PluginState.STARTING, PluginState.RESTARTING],
    PluginState.FAILED: [PluginState.STARTING, PluginState.FAILED],
    PluginState.DRAINING: [PluginState.STARTING, PluginState.RUNNING, PluginState.DRAINING],
    PluginState.STOPPING: [PluginState.STARTING, PluginState.STOPPING],
}


def in_state(state: PluginState) -> Lifecycle:
    life = Lifecycle()
    for step in PATHS[state]:
        life.move(step)
    return life


@pytest.mark.parametrize(("before", "after"), list(itertools.product(PluginState, repeat=2)))
async def test_only_the_moves_of_the_table_are_possible(before: PluginState, after: PluginState) -> None:
    life = in_state(before)
    if after in MOVES[before]:
        life.move(after, "why")
        assert (life.state, life.reason) == (after, "why")
    else:
        with pytest.raises(RuntimeError, match=f"is {before} cannot become {after}"):
            life.move(after)
        assert life.state is before


def test_every_state_but_stopped_can_be_stopped_or_soon_becomes_one_that_can() -> None:
    assert {PluginState.QUEUED} == MOVES[PluginState.DRAINING]
    for state in set(PluginState) - {PluginState.STOPPED, PluginState.STOPPING, PluginState.DRAINING}:
        assert PluginState.STOPPING in MOVES[state]


async def test_waiting_for_a_state_ends_when_it_is_entered() -> None:
    life = Lifecycle()
    waiter = asyncio.create_task(life.wait_for(PluginState.RUNNING, PluginState.FAILED))
    life.move(PluginState.STARTING)
    await asyncio.sleep(0)
    assert not waiter.done()
    life.move(PluginState.FAILED, "no luck")
    async with asyncio.timeout(PATIENCE):
        await waiter
