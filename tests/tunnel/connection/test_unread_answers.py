"""Answers that wait for a peer that does not read."""

from __future__ import annotations

import pytest

from mattermost_plugin.exchange import Body, End, Reset, ResetCode, Response
from mattermost_plugin.tunnel.connection import FEWEST_UNREAD
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.parts import MAX_FRAMES
from mattermost_plugin.tunnel.states import Half
from mattermost_plugin.tunnel.windows import FIRST_WINDOW
from mattermost_plugin.tunnel.wire_format import MAX_FIELDS
from support.cores import opened, resets, send
from support.tunnels import POST, CorePair


def test_a_gateway_that_is_refused_and_does_not_read_is_not_heard_further() -> None:
    pair = CorePair(max_exchanges=1)
    opened(pair)
    pair.to_plugin()
    for id in range(2, FEWEST_UNREAD + 3):
        assert pair.plugin.receive(id, POST) is None
    with pytest.raises(RemoteProtocolError, match="wait for a peer that does not read them"):
        pair.plugin.receive(FEWEST_UNREAD + 3, POST)


def test_a_gateway_that_reads_may_be_refused_for_ever() -> None:
    pair = CorePair(max_exchanges=1)
    opened(pair)
    pair.to_plugin()
    for id in range(2, 2 * FEWEST_UNREAD):
        assert pair.plugin.receive(id, POST) is None
        assert pair.plugin.next_message() == [(id, Reset(ResetCode.REFUSED, "1 exchanges are open"))]


def test_a_peer_that_keeps_to_its_limits_may_read_late() -> None:
    """Every exchange it may open, the credit for all that it may send, and a reset of each."""
    count = FEWEST_UNREAD // 2
    pair = CorePair(max_exchanges=count)
    ids = [opened(pair) for _ in range(count)]
    for id in ids:
        send(pair.gateway, id, Body(bytes(FIRST_WINDOW // 2 - 64)), Body(bytes(FIRST_WINDOW // 2 - 64)))
    for received, event in pair.to_plugin():
        if isinstance(event, Body):
            pair.plugin.consume(received, FIRST_WINDOW // 2)
    for id in ids:
        pair.plugin.reset(id, ResetCode.CANCELLED)
    for id in ids:
        send(pair.gateway, id, End())
    pair.to_plugin()
    assert len(resets(pair.to_gateway())) == count


def test_a_message_has_no_more_parts_than_frames_are_allowed() -> None:
    """Whatever is ready: credit and resets, single bytes, and heads of many fields."""
    pair = CorePair(max_exchanges=3 * MAX_FRAMES)
    ids = [opened(pair) for _ in range(2 * MAX_FRAMES)]
    pair.to_plugin()
    head = Response(200, [(b"x", b"")] * 100)
    for id in ids[:100]:
        send(pair.plugin, id, head, *(Body(b"x") for _ in range(30)))
    for id in ids[100:]:
        pair.plugin.reset(id, ResetCode.CANCELLED)
    sent = []
    while batch := pair.plugin.next_message(2**30):
        sent.append(len(batch))
        assert sum(isinstance(part, Response) for _, part in batch) * 100 < MAX_FIELDS
        pair.wire[Half.PLUGIN].append(encode(batch))
        pair.read(Half.GATEWAY)
    assert max(sent) == MAX_FRAMES
    assert sum(sent) == 2 * MAX_FRAMES - 100 + 100 * 31
