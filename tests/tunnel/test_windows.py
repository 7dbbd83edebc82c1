"""Credit as arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.credit import Pool
from mattermost_plugin.exchange import ResetCode
from mattermost_plugin.tunnel.errors import ExchangeViolation
from mattermost_plugin.tunnel.windows import CREDIT_LIMIT, PIECE_OVERHEAD, ReceiveWindow, SendWindow, cost


def taken(window: ReceiveWindow, data: bytes) -> int:
    """The credit that comes back when `data` arrives and is consumed at once."""
    window.receive(data)
    return window.consume(cost(data))


def test_a_piece_costs_its_length_and_64() -> None:
    assert PIECE_OVERHEAD == 64
    assert cost(b"") == 64
    assert cost(b"abc") == 67


def test_a_sender_may_use_its_credit_to_the_last_byte() -> None:
    window = SendWindow(1000)
    assert window.fits(5000) == 936
    window.take(bytes(936))
    assert window.credit == 0
    assert window.fits(1) < 0


def test_less_fits_when_less_is_asked_for() -> None:
    assert SendWindow(1000).fits(10) == 10


def test_a_grant_adds_to_what_is_left() -> None:
    window = SendWindow(100)
    window.take(b"x" * 36)
    window.grant(70)
    assert window.credit == 70
    assert window.fits(100) == 6


def test_credit_may_reach_the_byte_below_2_to_the_31() -> None:
    window = SendWindow(1)
    window.grant(CREDIT_LIMIT - 2)
    assert window.credit == 2**31 - 1


def test_credit_of_2_to_the_31_is_a_violation() -> None:
    with pytest.raises(ExchangeViolation, match="2147483648 is beyond the limit") as caught:
        SendWindow(1).grant(CREDIT_LIMIT - 1)
    assert caught.value.code is ResetCode.FLOW_CONTROL


def test_a_receiver_takes_exactly_what_it_granted() -> None:
    window = ReceiveWindow(Pool(0), first=1000, largest=1000)
    window.receive(bytes(936))
    assert window.granted == 0
    assert window.held == 1000


def test_one_byte_more_is_a_violation() -> None:
    window = ReceiveWindow(Pool(0), first=1000, largest=1000)
    with pytest.raises(ExchangeViolation, match="1 more than its credit") as caught:
        window.receive(bytes(937))
    assert caught.value.code is ResetCode.FLOW_CONTROL


def test_an_empty_piece_is_not_free() -> None:
    window = ReceiveWindow(Pool(0), first=128, largest=128)
    window.receive(b"")
    window.receive(b"")
    with pytest.raises(ExchangeViolation):
        window.receive(b"")


def test_credit_comes_back_when_half_of_the_window_is_free_and_not_before() -> None:
    window = ReceiveWindow(Pool(0), first=1000, largest=1000)
    assert taken(window, bytes(436 - 1)) == 0  # 499
    assert taken(window, b"") == 563
    assert window.granted == 1000
    assert window.held == 0


def test_what_arrived_is_held_until_it_is_consumed() -> None:
    window = ReceiveWindow(Pool(0), first=1000, largest=1000)
    window.receive(bytes(300))
    window.receive(bytes(100))
    assert window.held == 528
    window.consume(364)
    assert window.held == 164
    window.consume(164)
    assert window.held == 0


def test_a_window_that_is_emptied_doubles_up_to_the_largest() -> None:
    window = ReceiveWindow(Pool(10_000), first=1000, largest=3500)
    assert taken(window, bytes(936)) == 1000 + 1000
    assert window.size == 2000
    assert taken(window, bytes(1936)) == 2000 + 1500
    assert window.size == 3500
    assert taken(window, bytes(3436)) == 3500
    assert window.size == window.granted == 3500


def test_the_pool_pays_for_growth_and_gets_it_back() -> None:
    pool = Pool(1500)
    window = ReceiveWindow(pool, first=1000, largest=10_000)
    taken(window, bytes(936))
    assert pool.free == 500
    assert taken(window, bytes(1936)) == 2000, "the pool is too small for another doubling"
    assert window.size == 2000
    window.release()
    assert pool.free == 1500


def test_releasing_twice_gives_nothing_twice() -> None:
    pool = Pool(1000)
    window = ReceiveWindow(pool, first=1000, largest=2000)
    taken(window, bytes(936))
    window.release()
    window.release()
    assert pool.free == 1000


def test_an_empty_pool_still_leaves_everybody_the_first_window() -> None:
    pool = Pool(1000)
    greedy = ReceiveWindow(pool, first=1000, largest=2000)
    taken(greedy, bytes(936))
    assert pool.free == 0
    modest = ReceiveWindow(pool, first=1000, largest=2000)
    assert taken(modest, bytes(936)) == 1000


@dataclass
class Traffic:
    """One sender and its receiver, with the pieces that wait to be consumed."""

    sender: SendWindow
    receiver: ReceiveWindow
    waiting: list[int] = field(default_factory=list)


FIRST, LARGEST, POOL, EXCHANGES = 4096, 32_768, 65_536, 4


@given(st.lists(st.tuples(st.integers(0, EXCHANGES - 1), st.booleans(), st.integers(0, 20_000)), max_size=120))
def test_no_credit_is_lost_and_the_sum_stays_bounded(steps: list[tuple[int, bool, int]]) -> None:
    pool = Pool(POOL)
    all_traffic = [Traffic(SendWindow(FIRST), ReceiveWindow(pool, FIRST, LARGEST)) for _ in range(EXCHANGES)]
    for index, send, size in steps:
        traffic = all_traffic[index]
        fits = traffic.sender.fits(size)
        if send and fits >= 0:
            piece = bytes(fits)
            traffic.sender.take(piece)
            traffic.receiver.receive(piece)
            traffic.waiting.append(cost(piece))
        elif traffic.waiting:
            traffic.sender.grant(traffic.receiver.consume(traffic.waiting.pop(0)))
        assert traffic.sender.credit == traffic.receiver.granted >= 0
        assert traffic.receiver.held == sum(traffic.waiting)
        assert traffic.receiver.size <= LARGEST
        assert pool.free + sum(t.receiver.size - FIRST for t in all_traffic) == POOL
        assert sum(t.receiver.held for t in all_traffic) <= EXCHANGES * FIRST + POOL

    for traffic in all_traffic:
        for amount in traffic.waiting:
            traffic.sender.grant(traffic.receiver.consume(amount))
        assert traffic.sender.credit * 2 > traffic.receiver.size, "an idle sender can send more than half a window"
        traffic.receiver.release()
    assert pool.free == POOL
