"""One job of one process: waits until it is due, and runs it unless another process does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from mattermost_plugin.jobs.clock import Clock
from mattermost_plugin.jobs.lease import Lease, Store
from mattermost_plugin.jobs.schedules import Plan, Schedule, following, planned
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.task_ends import current_task, ends_task

KEY = "_job_"
"""What the keys begin with under which it is stored when jobs run."""
LEASE_KEY = "_job_lease_"
LOOK_AGAIN = 5.0
"""Seconds until a process asks again that could not run what is due."""

logger = get_logger("mattermost_plugin.jobs")


class JobLoop:
    """Runs a job until it is cancelled.

    Args:
        name: the job's, which no other job of the plugin has.
        method: what it does; a sync one runs in a thread.
        schedule: when it is due.
        jitter: gives the seconds by which the next run is later than it is due.
        store: where the processes of the plugin agree on who runs it, and when.
        clock: the time.
        owner: the name of this process.
    """

    def __init__(
        self,
        name: str,
        method: Callable[[], Any],
        schedule: Schedule,
        jitter: Callable[[], float],
        store: Store,
        clock: Clock,
        owner: str,
    ) -> None:
        self._name = name
        self._method = method
        self._schedule = schedule
        self._jitter = jitter
        self._store = store
        self._clock = clock
        self._waits = False
        self._lease = Lease(store, f"{LEASE_KEY}{name}", owner)

    async def run(self) -> None:
        """Wait, run, wait, and so on."""
        while True:
            try:
                moment = await self._turn()
                self._waits = False
            except Exception as error:  # the host may be away for a while
                say = logger.debug if self._waits else logger.warning
                say("job %s waits for the host: %s", self._name, error)
                self._waits = True
                moment = self._clock.now() + LOOK_AGAIN
            await self._clock.sleep_until(moment)

    async def _turn(self) -> float:
        """Run it, if it is due; returns when to look again."""
        plan = await self._plan()
        if plan.at > self._clock.now():
            return plan.at
        if not await self._lease.acquire():
            return self._clock.now() + LOOK_AGAIN
        try:
            plan = await self._plan()  # another process may have run it just before
            if plan.at > self._clock.now():
                return plan.at
            if not await self._run_once():
                return self._clock.now() + LOOK_AGAIN
            plan = following(plan, self._schedule, self._clock.now(), self._jitter())
            await self._store.kv_set(self._key, plan.format())
            return plan.at
        finally:
            await self._lease.release()

    async def _plan(self) -> Plan:
        stored = Plan.parse(await self._store.kv_get(self._key))
        plan = planned(stored, self._schedule, self._clock.now(), self._jitter())
        if plan is not stored:
            await self._store.kv_set(self._key, plan.format())
        return plan

    async def _run_once(self) -> bool:
        """Run it while the lease is kept; False if that was lost meanwhile."""
        work, keeping = asyncio.create_task(self._work()), asyncio.create_task(self._lease.keep())
        try:
            await asyncio.wait((work, keeping), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return True
            logger.error("job %s was cancelled: another process may run it by now", self._name)
            return False
        finally:
            work.cancel()
            keeping.cancel()
            await asyncio.gather(work, keeping, return_exceptions=True)

    async def _work(self) -> None:
        task = current_task()
        try:
            if inspect.iscoroutinefunction(self._method):
                await self._method()
            else:
                await asyncio.to_thread(self._method)
        except BaseException as error:  # the border to the plugin's code
            if ends_task(error, task):
                raise
            logger.error("job %s failed: %s", self._name, error, exc_info=error)

    @property
    def _key(self) -> str:
        return f"{KEY}{self._name}"
