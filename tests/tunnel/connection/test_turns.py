"""Turns: how exchanges that are ready share a message."""

from __future__ import annotations

from collections import Counter
from typing import SupportsIndex, overload

import pytest

from mattermost_plugin.exchange import Body, Reset, ResetCode, Response
from mattermost_plugin.tunnel.connection import MESSAGE_SIZE, SMALLEST_TURN
from mattermost_plugin.tunnel.parts import Credit, Drain
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import cost
from servehttp.build import is_compiled
from support.cores import opened, send
from support.tunnels import CorePair


def test_a_message_is_about_as_large_as_asked() -> None:
    pair = CorePair(first_window=1_000_000)
    id = opened(pair)
    send(pair.gateway, id, Body(bytes(500_000)))
    while pair.write(Half.GATEWAY):
        pass
    sizes = [len(message) for message in pair.wire[Half.GATEWAY]]
    assert all(MESSAGE_SIZE <= size <= MESSAGE_SIZE + 200 for size in sizes[:-1])
    assert len(sizes) == 8


@pytest.mark.parametrize("count", [2, 3, 8])
def test_exchanges_that_are_ready_share_a_message_equally(count: int) -> None:
    pair = CorePair(first_window=1_000_000)
    ids = [opened(pair) for _ in range(count)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(500_000)))
    for _ in range(5):
        shares = Counter[int]()
        for id, part in pair.write(Half.GATEWAY):
            assert isinstance(part, Body)
            shares[id] += cost(part.data)
        assert set(shares) == set(ids)
        assert max(shares.values()) - min(shares.values()) <= 64 * count


def test_a_turn_is_never_tiny_however_many_wait() -> None:
    pair = CorePair(first_window=1_000_000)
    ids = [opened(pair) for _ in range(100)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(20_000)))
    seen = []
    for _ in range(7):
        batch = pair.write(Half.GATEWAY)
        assert all(isinstance(part, Body) and len(part.data) == SMALLEST_TURN for _, part in batch)
        seen += [id for id, _ in batch]
    assert seen[:100] == ids, "each has its turn before any has a second"


def test_credit_resets_and_drains_go_before_data() -> None:
    pair = CorePair(first_window=4096)
    one, two = opened(pair), opened(pair)
    send(pair.gateway, one, Body(bytes(3000)))
    pair.to_plugin()
    send(pair.plugin, one, Response(200), Body(bytes(100_000)))
    pair.plugin.consume(one, cost(bytes(3000)))
    pair.plugin.reset(two, ResetCode.INTERNAL)
    pair.plugin.drain()
    kinds = [type(part) for _, part in pair.write(Half.PLUGIN)]
    assert kinds == [Credit, Reset, Drain, Response, Body]


class CountedBytes(bytes):
    """Bytes that know how many of them were copied out by slicing."""

    copied = 0

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> bytes: ...
    def __getitem__(self, key: SupportsIndex | slice, /) -> int | bytes:
        result = super().__getitem__(key)
        if isinstance(result, bytes):
            CountedBytes.copied += len(result)
        return result


@pytest.mark.skipif(is_compiled(), reason="compiled code slices bytes without asking their class")
def test_a_big_body_is_copied_once_however_often_it_is_cut() -> None:
    CountedBytes.copied = 0
    size = 8 * 1024 * 1024
    pair = CorePair(first_window=2 * size)
    id = opened(pair)
    pair.gateway.send(id, [Body(CountedBytes(size))])
    pieces = 0
    while batch := pair.gateway.next_message(4096):
        pieces += len(batch)
    assert pieces > 1000
    assert CountedBytes.copied == size
