"""Plugins under supervision that are real processes."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from servehttp.errors import PluginStartError
from servehttp.plugins.process import Command, PluginProcess, ProcessSpec
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.states import PluginState
from servehttp.plugins.users import User
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.supervision import (
    HANDSHAKE,
    POLICY,
    WAIT,
    command_spec,
    in_time,
    log_records,  # noqa: F401  # pytest uses it
    no_leaks,
    process,
    reached,
    refused,
    spec,
    supervised,
)

pytestmark = pytest.mark.anyio


async def test_a_stop_during_the_start_ends_both(tmp_path: Path) -> None:
    async with supervised(process(WAIT, tmp_path)) as plugin:
        start = asyncio.create_task(plugin.start())
        await reached(plugin, PluginState.STARTING)
        await in_time(plugin.stop())
        with pytest.raises(PluginStartError, match="it was stopped"):
            await start


async def test_a_plugin_that_exits_at_once_is_given_up_quickly_and_leaves_nothing(tmp_path: Path) -> None:
    async with supervised(process(HANDSHAKE + WAIT, tmp_path)) as plugin:
        await plugin.start()
    with no_leaks():
        code = "import sys; sys.exit('no database')"
        async with supervised(process(code, tmp_path)) as plugin:
            reason = await refused(plugin)
            assert reason == "exited with code 1 before its handshake; last on stderr: no database"
            await reached(plugin, PluginState.FAILED)
            assert plugin.restarts == 2


async def test_a_killed_process_is_replaced_at_once(tmp_path: Path) -> None:
    async with supervised(process(HANDSHAKE + WAIT, tmp_path)) as plugin:
        await plugin.start()
        pid = plugin.describe()["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        await reached(plugin, PluginState.RESTARTING)
        assert plugin.reason == "was killed by SIGKILL"
        await reached(plugin, PluginState.RUNNING)
        assert plugin.describe()["pid"] != pid
        assert plugin.restarts == 1


async def test_a_process_that_hangs_in_its_start_is_ended_in_time(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT
    async with supervised(process(code, tmp_path), policy=replace(POLICY, start_timeout=0.5)) as plugin:
        assert await refused(plugin) == "printed no handshake within 0.5 s"


async def test_a_script_that_vanished_is_not_looked_for_again(tmp_path: Path) -> None:
    launch = functools.partial(PluginProcess.launch, command_spec((str(tmp_path / "python"),), tmp_path), Reaper())
    async with supervised(launch) as plugin:
        assert await refused(plugin) == f"cannot run {tmp_path / 'python'}: No such file or directory"
        assert plugin.state is PluginState.FAILED


async def test_the_command_is_looked_for_at_each_start(tmp_path: Path) -> None:
    good = spec(HANDSHAKE + WAIT, tmp_path)
    looked = 0

    async def find_command(user: User | None) -> Command:
        nonlocal looked
        looked += 1
        return await good.find_command(user) if looked > 1 else Command(("false",), tmp_path)

    launch = functools.partial(
        PluginProcess.launch, ProcessSpec(good.plugin_id, find_command, good.environment, good.limits), Reaper()
    )
    async with supervised(launch) as plugin:
        await refused(plugin)
        await reached(plugin, PluginState.RUNNING)
        assert looked == 2
