"""The hooks of a plugin that runs several times, as its host calls them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf.message import Message

from mattermost_plugin.grpc import common_pb2
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from servehttp.errors import LinkError
from servehttp.plugins.replica_hooks import ReplicaHooks
from support.supervision import FakeLink

if TYPE_CHECKING:
    from servehttp.plugins.link import Link

pytestmark = pytest.mark.anyio

ID = "com.example.test"
ONCE = "UserHasBeenCreated"
EACH = "OnConfigurationChange"
ANSWER = pb.OnConfigurationChangeResponse()


class Replica(FakeLink):
    """A connection that answers hooks."""

    implemented = frozenset({ONCE, EACH})

    def __init__(self, answer: Message | LinkError = ANSWER) -> None:
        super().__init__()
        self.answer = answer
        self.called: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        self.called.append(name)
        await self.gate.wait()
        if isinstance(self.answer, LinkError):
            raise self.answer
        return self.answer


class Host:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.callers: dict[str, Any] = {}
        self.told: list[str] = []

    def connected(self, plugin_id: str, link: Any) -> None:
        self.callers[plugin_id] = link
        self.told.append("connected")

    async def disconnected(self, plugin_id: str) -> None:
        del self.callers[plugin_id]
        self.told.append("disconnected")


def joined(*replicas: Replica) -> tuple[ReplicaHooks, Host]:
    host = Host()
    hooks = ReplicaHooks(ID, host)
    for number, replica in enumerate(replicas, 1):
        hooks.of(number).connected(ID, cast("Link", replica))
    return hooks, host


async def call(hooks: Any, name: str) -> Any:
    return await hooks.call(name, pb.OnConfigurationChangeRequest(), 5)


async def test_the_host_has_the_plugin_while_one_of_them_is_connected_to() -> None:
    first, second = Replica(), Replica()
    hooks, host = joined(first, second)
    assert host.callers == {ID: hooks}
    assert hooks.implemented == Replica.implemented
    await hooks.of(1).disconnected(ID)
    await hooks.of(1).disconnected(ID)
    assert host.told == ["connected"]
    await call(hooks, ONCE)
    assert (first.called, second.called) == ([], [ONCE])
    await hooks.of(2).disconnected(ID)
    assert (host.told, hooks.implemented) == (["connected", "disconnected"], frozenset())
    with pytest.raises(LinkError):
        await call(hooks, ONCE)
    with pytest.raises(LinkError):
        await call(hooks, EACH)
    hooks.of(2).connected(ID, cast("Link", second))
    assert host.told == ["connected", "disconnected", "connected"]


async def test_a_hook_goes_to_one_of_them_in_turn_and_not_to_one_that_is_busy_with_another() -> None:
    replicas = [Replica(), Replica(), Replica()]
    hooks, _ = joined(*replicas)
    for _ in range(6):
        await call(hooks, ONCE)
    assert [len(replica.called) for replica in replicas] == [2, 2, 2]
    replicas[0].gate.clear()
    waiting = asyncio.create_task(call(hooks, ONCE))
    await asyncio.sleep(0)
    for _ in range(4):
        await call(hooks, ONCE)
    assert [len(replica.called) for replica in replicas] == [3, 4, 4]
    replicas[0].gate.set()
    await waiting


async def test_one_that_drains_is_asked_only_where_there_is_no_other() -> None:
    draining, good = Replica(), Replica()
    hooks, _ = joined(draining, good)
    draining.carrier.takes = False
    for _ in range(3):
        await call(hooks, ONCE)
    assert (draining.called, good.called) == ([], [ONCE] * 3)
    await hooks.of(2).disconnected(ID)
    await call(hooks, ONCE)
    assert draining.called == [ONCE]


async def test_what_concerns_each_process_goes_to_each_and_the_answer_is_that_of_an_error() -> None:
    error = pb.OnConfigurationChangeResponse(error=common_pb2.AppError(message="no"))
    replicas = [Replica(), Replica(error), Replica()]
    hooks, _ = joined(*replicas)
    assert await call(hooks, EACH) == error
    assert Counter(name for replica in replicas for name in replica.called) == {EACH: 3}
    replicas[0].answer = LinkError("the connection was lost")
    with pytest.raises(LinkError, match="was lost"):
        await call(hooks, EACH)
    assert [len(replica.called) for replica in replicas] == [2, 2, 2]


async def test_the_others_are_all_but_the_one_that_asks() -> None:
    replicas = [Replica(), Replica(), Replica()]
    hooks, _ = joined(*replicas)
    await call(hooks.but(2), EACH)
    assert [replica.called for replica in replicas] == [[EACH], [], [EACH]]
    alone, _ = joined(Replica())
    assert alone.but(1) is None
