"""The life of one plugin, or of one of its replicas: start, watch, restart with back-off or give up, stop in order.

One task for each drives it; what goes wrong with a plugin ends in its state and in the log, never in another task.
A run is: launch, handshake, connection, OnActivate; then the end of the process, the loss of the connection and failed
health checks are watched at once, and whatever comes first ends the run. Only a lost connection is made again if the
process lives on. After each run everything of it is cleaned up before the next begins. Other processes may follow: they
have connections of their own, and have drained and closed them before the plugin is told to stop, or is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from servehttp.aio import first_completed
from servehttp.errors import (
    ActivationError,
    BundleError,
    DependencyError,
    GatewayError,
    InterpreterError,
    LinkError,
    ManifestError,
    NotServing,
    NoTunnelError,
    PluginStartError,
    is_host_lack,
)
from servehttp.logs import of_replica
from servehttp.plugins.backoff import Backoff
from servehttp.plugins.handle import KEPT_FAILURES, PastFailure, Replica
from servehttp.plugins.patience import Crowd, Patience
from servehttp.plugins.runner import Launch, Runner, RunnerError
from servehttp.plugins.states import STARTABLE, Lifecycle, PluginState
from servehttp.plugins.supervision import Connect, PluginObservers, SupervisionPolicy

if TYPE_CHECKING:  # the connection's module loads gRPC
    from servehttp.plugins.link import Link
    from servehttp.plugins.replica_hooks import HookHost

T = TypeVar("T")

DEATH_NOTICE = 0.5
"""Seconds from a lost connection to the end of the process, if the one is part of the other."""
TIME_OUT_WEIGHT = 0.5
"""How much a start that took too long counts towards the limit; a crash counts 1."""
FAILURE_GRACE = 1.0
"""Seconds from SIGTERM to SIGKILL for a plugin that failed."""
HOST_LACK_DELAY = 1.0
"""Seconds until a plugin is tried again that could not be started for lack of descriptors, memory or processes."""
CLOSE_TIMEOUT = 2.0
"""Seconds to hang up."""

REMEDY = (
    "put right what the reason says: that is enough where plugins are reloaded; elsewhere `servehttp plugin reset ID` "
    "follows, or restart the gateway"
)

log = structlog.get_logger("servehttp.plugins")


@dataclass(frozen=True)
class Failure:
    """Why a run ended, or never began."""

    reason: str
    permanent: bool = False
    host_lack: bool = False
    """This host had no descriptors, memory or processes left, which is not the plugin's failure."""
    timed_out: bool = False


class ConnectionLost(GatewayError):
    """The connection to a plugin is gone; its process may live on."""


class SupervisedPlugin(Replica):
    """One plugin, or one of its replicas, and what runs it.

    Args:
        plugin_id: the plugin's id.
        launch: starts what runs it.
        connect: how a connection to that is made.
        policy: its times, and when to give up.
        observers: who else connects to it.
        host: fires its hooks.
        crowd: who starts as well.
        number: which of the plugin's replicas it is; None for the only one.
        generation: how many versions of the plugin there were before.
    """

    def __init__(
        self,
        plugin_id: str,
        launch: Launch,
        connect: Connect,
        policy: SupervisionPolicy,
        observers: PluginObservers | None = None,
        host: HookHost | None = None,
        crowd: Crowd | None = None,
        number: int | None = None,
        generation: int = 0,
    ) -> None:
        self.id = plugin_id
        self.number = number
        self.generation = generation
        self._launch = launch
        self._connect = connect
        self._policy = policy
        self._observers = observers
        self._host = host
        self._log = log.bind(plugin=plugin_id, **of_replica(number))
        self._life = Lifecycle()
        self._backoff = Backoff(policy.restart)
        self._reconnections = Backoff(policy.restart)
        self._patience = Patience(policy.start_timeout, crowd or Crowd())
        self._runner: Runner | None = None
        self._connection: Link | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._first_start: asyncio.Future[str | None] | None = None
        self._last_reason: str | None = None
        self._served = 0.0
        self.failures: deque[PastFailure] = deque(maxlen=KEPT_FAILURES)
        self._stop_turn = asyncio.Lock()

    def change(self, policy: SupervisionPolicy) -> None:
        """Go by other times from now on; how it is restarted stays as it was."""
        self._policy = replace(policy, restart=self._policy.restart)
        self._patience.change(policy.start_timeout)

    async def start(self) -> None:
        """Start the plugin, and from then on watch it.

        Raises:
            PluginStartError: the first attempt failed. Further ones follow in the background, as the policy says.
            RuntimeError: it was started before, and neither stopped nor given up.
        """
        if self.state not in STARTABLE:
            raise RuntimeError(f"plugin {self.name} is {self.state} already")
        self._backoff.forget()
        self._reconnections.forget()
        self._patience.forget()
        self.restarts = 0
        self._move(PluginState.STARTING)
        self._first_start = asyncio.get_running_loop().create_future()
        # In a context of its own: it outlives the request that may have asked for it, and is not done for that alone.
        context = contextvars.Context()
        self._supervision = asyncio.create_task(self._supervise(), name=f"supervise {self.name}", context=context)
        problem = await asyncio.shield(self._first_start)
        if problem is not None:
            raise PluginStartError(self.id, problem)

    def queue(self) -> None:
        """Say that it is to start once others have."""
        self._move(PluginState.QUEUED)

    async def stop(self) -> None:
        """Stop in order, whatever it is doing: drain, OnDeactivate, SIGTERM, SIGKILL, each in its time. Idempotent."""
        async with self._stop_turn:
            if self.state is not PluginState.STOPPED:
                await self._go_down(PluginState.STOPPING, PluginState.STOPPED)

    async def leave(self) -> None:
        """Stop in order, and be queued: it is to start again. Whoever stops it meanwhile has it stopped afterwards."""
        async with self._stop_turn:
            if self.state in STARTABLE:
                if self.state is not PluginState.QUEUED:
                    self.queue()
                return
            await self._go_down(PluginState.DRAINING, PluginState.QUEUED)

    def retire(self) -> None:
        """Another version has taken its plugin's place."""
        if self._runner is not None:
            self._runner.retire()

    async def settled(self) -> None:
        """Returns when those that follow have connected to it, or could not."""
        await self._observers_settled(self._policy.connect_timeout)

    async def wait_for(self, *states: PluginState) -> None:
        """Return as soon as the plugin is in one of these states."""
        await self._life.wait_for(*states)

    def describe(self) -> dict[str, object]:
        """All that an operator wants to know, as plain values."""
        running = self.state is PluginState.RUNNING
        return {
            "id": self.id,
            **of_replica(self.number),
            "state": self.state.value,
            "reason": self.reason,
            "restarts": self.restarts,
            "pid": self._runner.pid if self._runner else None,
            "transport": self.link.transport if self.link else None,
            "in_flight": self.link.in_flight if self.link else 0,
            "started_in": self.started_in,
            "uptime": round(time.monotonic() - self._life.since, 3) if running else None,
        }

    async def _supervise(self) -> None:
        while True:
            failure = await self._run()
            self.failures.append(PastFailure(time.time(), failure.reason))
            self._mark_down(failure.reason)
            await self._clean_up(FAILURE_GRACE)
            delay = self._delay_after(failure)
            if delay is None:
                self._give_up(failure)
                return
            self._warn(failure.reason, delay)
            self._report_start(failure.reason)
            await asyncio.sleep(delay)
            self.restarts += 1
            self._served = 0.0
            self._move(PluginState.STARTING, failure.reason)

    def _delay_after(self, failure: Failure) -> float | None:
        """Seconds until the next attempt; None to give up."""
        if failure.permanent or self._has_failed_its_trial:
            return None
        if failure.host_lack:
            return HOST_LACK_DELAY
        if failure.timed_out:
            self._patience.timed_out()
        return self._backoff.failed(served=self._served, weight=TIME_OUT_WEIGHT if failure.timed_out else 1)

    async def _run(self) -> Failure:
        try:
            runner, link = await self._bring_up()
            while True:
                try:
                    return Failure(await self._watch(runner, link))
                except ConnectionLost as lost:
                    link = await self._reconnect(runner, str(lost))
        except (ManifestError, InterpreterError, DependencyError, BundleError, NoTunnelError) as error:
            return Failure(str(error), permanent=True)
        except RunnerError as error:
            return Failure(str(error), error.permanent, is_host_lack(error), error.timed_out)
        except GatewayError as error:
            return Failure(str(error), host_lack=is_host_lack(error))
        except Exception as error:  # a fault of ours must not leave the plugin unsupervised
            self._log.exception("supervision failed")
            return Failure(f"fault in the gateway: {error!r}", host_lack=is_host_lack(error))

    async def _bring_up(self) -> tuple[Runner, Link]:
        began = time.monotonic()
        with self._patience.starting() as timeout:
            self._runner = runner = await self._launch()
            self.target = await runner.ready(timeout)
        link = await self._unless_ended(runner, self._open_connection(runner))
        await self._unless_ended(runner, self._activate(link))
        self.started_in = time.monotonic() - began
        self._patience.forget()
        self._mark_up(link)
        self._log.info("plugin runs", seconds=round(self.started_in, 3), pid=runner.pid, transport=link.transport)
        self._report_start(None)
        return runner, link

    async def _open_connection(self, runner: Runner) -> Link:
        assert self.target is not None
        link = await self._connect(self.target, timeout=self._policy.connect_timeout, session=runner.pid)
        self._connection = link  # at once, so that whatever happens next finds it and hangs up
        # Before OnActivate, for what that registers may be asked for at once.
        if self._host is not None:
            self._host.connected(self.id, link)
        return link

    async def _activate(self, link: Link) -> None:
        try:
            await link.activate(self._policy.hook_timeout)
        except ActivationError as error:
            raise ActivationError(f"OnActivate failed: {error}") from error

    async def _watch(self, runner: Runner, link: Link) -> str:
        return await first_completed(runner.wait(), _raise_when_lost(link), self._until_unhealthy(link))

    async def _reconnect(self, runner: Runner, lost: str) -> Link:
        """Connect again to a process that lives on; it was activated before."""
        reason = f"connection lost: {lost}"
        self._mark_down(reason)
        await self._leave_host()
        if end := await _end_soon(runner):
            raise RunnerError(end)
        # What is attached may be another process by now, one that was not activated.
        if runner.pid is None or self._reconnections.failed() is None:
            raise LinkError(reason)
        await self._hang_up()
        self.target = await runner.ready(self._policy.start_timeout)
        link = await self._unless_ended(runner, self._open_connection(runner))
        self._mark_up(link)
        self._log.warning("connection restored", reason=reason)
        return link

    async def _until_unhealthy(self, link: Link) -> str:
        failures = 0
        while True:
            await asyncio.sleep(self._policy.health_interval)
            try:
                await link.check_health(self._policy.health_timeout)
                failures = 0
                self._take_new(True)
            except LinkError as error:
                if isinstance(error, NotServing) and self._take_new(False):
                    continue
                failures += 1
                self._log.warning("health check failed", error=str(error), in_a_row=failures)
                if failures >= self._policy.health_failures:
                    return f"{failures} health checks in a row failed, the last one with: {error}"

    def _take_new(self, takes: bool) -> bool:
        """The plugin says whether it takes what is new; returns whether one that does not is left alone for that."""
        return False

    async def _unless_ended(self, runner: Runner, step: Coroutine[Any, Any, T]) -> T:
        """Take a step with the plugin; if the plugin ends meanwhile, that is the error."""
        try:
            return await first_completed(step, _raise_at_end(runner))
        except NoTunnelError:
            raise
        except LinkError as error:
            raise LinkError(await _end_soon(runner) or str(error)) from error

    def _mark_up(self, link: Link) -> None:
        self.link = link
        self._last_reason = None
        self._move(PluginState.RUNNING)

    def _mark_down(self, reason: str) -> None:
        self.link = None
        if self.state is PluginState.RUNNING:
            self._served = time.monotonic() - self._life.since
        if self.state is PluginState.RESTARTING:
            self.reason = self._life.reason = reason
            self._tell()
        else:
            self._move(PluginState.RESTARTING, reason)

    def _move(self, to: PluginState, reason: str | None = None) -> None:
        self._life.move(to, reason)
        self.state, self.reason, self.since = to, reason, time.time()
        self._tell()

    def _warn(self, reason: str, delay: float) -> None:
        # Said once: something that is attached may stay away for days.
        say = self._log.debug if reason == self._last_reason else self._log.warning
        say("plugin is down, another attempt follows", reason=reason, seconds=delay)
        self._last_reason = reason

    @property
    def _has_failed_its_trial(self) -> bool:
        return self.on_trial and self.started_in is None

    def _give_up(self, failure: Failure) -> None:
        if self._has_failed_its_trial:
            self._move(PluginState.FAILED, failure.reason)
            self._report_start(failure.reason)
            return
        policy = self._policy.restart
        reason = failure.reason
        if not failure.permanent and (policy.limit or 0) > 1:
            reason = f"{reason} (given up after {policy.limit} failures within {policy.window:g} s)"
        self._move(PluginState.FAILED, reason)
        self._log.error("plugin stays down", reason=reason, remedy=REMEDY)
        self._report_start(reason)

    def _report_start(self, problem: str | None) -> None:
        if self._first_start is not None and not self._first_start.done():
            self._first_start.set_result(problem)

    async def _go_down(self, meanwhile: PluginState, afterwards: PluginState) -> None:
        self._move(meanwhile)
        try:
            await self._end_supervision()
            if self.link is not None and self._runner is not None:
                await self._take_leave(self.link, self._runner)
        finally:
            self.link = None
            await self._clean_up(self._policy.stop_timeout)
            self._move(afterwards)

    async def _end_supervision(self) -> None:
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
            self._supervision = None
        self._report_start("it was stopped")

    async def _take_leave(self, link: Link, runner: Runner) -> None:
        """Drain and OnDeactivate, unless the plugin ends before."""
        with contextlib.suppress(RunnerError):
            await first_completed(self._drain_and_deactivate(link), _raise_at_end(runner))

    async def _drain_and_deactivate(self, link: Link) -> None:
        try:
            await link.drain(self._policy.drain_timeout)
            await self._observers_settled(self._policy.drain_timeout)
            await self._deactivate(link)
        except GatewayError as error:
            self._log.warning("OnDeactivate failed", error=str(error))
        except Exception:  # whatever fails here, the process must still be ended
            self._log.exception("plugin could not be stopped in order")

    async def _deactivate(self, link: Link) -> None:
        await link.deactivate(self._policy.deactivate_timeout)

    async def _clean_up(self, grace: float) -> None:
        try:
            await self._hang_up()
            await self._release()
        finally:
            if self._runner is not None:
                await self._runner.stop(grace)
                self._runner = None

    async def _leave_host(self) -> None:
        if self._host is not None:
            await self._host.disconnected(self.id)

    async def _hang_up(self) -> None:
        link, self._connection = self._connection, None
        if link is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._leave_host()
                await link.close()
        except Exception:  # whatever fails here, the process must still be ended
            self._log.exception("connection could not be closed")

    def _tell(self) -> None:
        self._note_change()
        if self._observers is not None:
            self._observers.notify(self)

    async def _release(self) -> None:
        """Let those that follow hang up as well."""
        if self.target is not None:
            self.target = None
            self._tell()
        await self._observers_settled(CLOSE_TIMEOUT)

    async def _observers_settled(self, timeout: float | None) -> None:
        """Returns when those that follow have done what they were told, or after so many seconds without them."""
        if self._observers is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._observers.settled(self.name)


async def _raise_when_lost(link: Link) -> str:
    raise ConnectionLost(await link.wait_lost())


async def _end_soon(runner: Runner) -> str | None:
    """How the process ends, if it does now: that says more than the loss of the connection a moment before."""
    if runner.pid is None:
        return None
    try:
        async with asyncio.timeout(DEATH_NOTICE):
            return await runner.wait()
    except TimeoutError:
        return None


async def _raise_at_end(runner: Runner) -> Any:
    raise RunnerError(await runner.wait())
