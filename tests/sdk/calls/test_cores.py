"""Both sides of a stream of calls without I/O: whatever order things happen in, and whatever a peer sends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mattermost_plugin.calls.answering import Answering, Asked
from mattermost_plugin.calls.asking import Answer, Asking
from mattermost_plugin.calls.limits import MAX_CALLS, MAX_ENTRIES, MAX_MESSAGE, MAX_REQUEST, MAX_TEXT, MESSAGE_SIZE
from mattermost_plugin.grpc import calls_pb2 as pb
from mattermost_plugin.statuses import Status
from mattermost_plugin.tunnel.errors import RemoteProtocolError

KIB = 1024
ANY = -1
SIZES = st.sampled_from([0, 1, 100, 5 * KIB, MESSAGE_SIZE - 16, MESSAGE_SIZE, MESSAGE_SIZE + 1, 200 * KIB])


def ask(core: Asking, method: str = "/s/M", body: bytes = b"", timeout: float | None = None) -> int:
    assert core.takes(method, body)
    return core.ask(method, body, timeout)


def asked(core: Answering) -> list[Asked]:
    """All that may be begun."""
    return list(iter(core.next, None))


def request(call: int = 1, method: str = "/s/M", body: bytes = b"") -> bytes:
    return pb.Asked(requests=[pb.Request(call=call, method=method, body=body)]).SerializeToString()


def response(call: int = 1, **fields: object) -> bytes:
    return pb.Answered(responses=[pb.Response(call=call, **fields)]).SerializeToString()  # type: ignore[arg-type]


class Conversation(RuleBasedStateMachine):
    """An asker and an answerer, and messages that are under way in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.asking = Asking(ANY, max_calls=8)
        self.answering = Answering(max_calls=8, max_waiting=300 * KIB)
        self.there: list[bytes] = []
        self.back: list[bytes] = []
        self.running: dict[int, bytes] = {}
        self.waits: set[int] = set()

    @rule(size=SIZES)
    def ask(self, size: int) -> None:
        body = bytes([size % 251]) * min(size, MAX_REQUEST - 4)
        if self.asking.takes("/s/M", body):
            self.waits.add(self.asking.ask("/s/M", body, None))

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(sorted(self.waits)))
        self.waits.discard(call)
        self.asking.give_up(call)

    @rule()
    def send_there(self) -> None:
        if message := self.asking.take():
            self.there.append(message)

    @precondition(lambda self: self.there)
    @rule()
    def arrive_there(self) -> None:
        for call in self.answering.receive(self.there.pop(0)):
            self.answer_cancelled(call)
        self.begin()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), size=SIZES)
    def answer(self, data: st.DataObject, size: int) -> None:
        call = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[call]
        self.answering.answer(call, bytes([call % 251]) * size)

    @rule()
    def send_back(self) -> None:
        if message := self.answering.take():
            self.back.append(message)
        self.begin()

    @precondition(lambda self: self.back)
    @rule()
    def arrive_back(self) -> None:
        for answer in self.asking.receive(self.back.pop(0)):
            self.waits.remove(answer.call)  # exactly one for each
            assert answer.status == 0
            assert set(answer.body) <= {answer.call % 251}

    @invariant()
    def messages_are_bounded(self) -> None:
        assert all(len(message) <= MAX_MESSAGE for message in (*self.there, *self.back))

    def answer_cancelled(self, call: int) -> None:
        if self.running.pop(call, None) is not None:
            self.answering.answer(call, status=Status.CANCELLED)

    def begin(self) -> None:
        for item in asked(self.answering):
            self.running[item.call] = item.body

    def teardown(self) -> None:
        """Whatever is open comes to its end."""
        for _ in range(200):
            self.send_there()
            if self.there:
                self.arrive_there()
            for call in list(self.running):
                del self.running[call]
                self.answering.answer(call)
            self.send_back()
            if self.back:
                self.arrive_back()
        assert not self.waits
        assert self.asking.takes("/s/M", b"")


def test_every_call_ends_once_whatever_order_things_happen_in() -> None:
    run_state_machine_as_test(Conversation)


@given(st.binary(max_size=200))
def test_whatever_arrives_is_taken_or_a_violation(message: bytes) -> None:
    asking = Asking(ANY)
    ask(asking)
    asking.take()
    for receive in (Answering().receive, asking.receive):
        with contextlib.suppress(RemoteProtocolError):
            receive(message)


def test_a_request_arrives_as_it_was_asked() -> None:
    asking, answering = Asking(ANY), Answering()
    call = ask(asking, "/s/Get", b"body", timeout=1.5)
    assert answering.receive(asking.take()) == []
    assert asked(answering) == [Asked(call, "/s/Get", 1.5, b"body")]


def test_many_requests_leave_in_one_message() -> None:
    asking, answering = Asking(ANY), Answering()
    calls = [ask(asking, body=b"x" * 40) for _ in range(500)]
    answering.receive(asking.take())
    assert asking.take() == b""
    assert [item.call for item in asked(answering)] == calls


def test_what_was_given_up_before_it_was_written_is_never_sent() -> None:
    asking = Asking(ANY)
    asking.give_up(ask(asking))
    assert asking.take() == b""
    assert ask(asking) == 2


def test_a_large_answer_lets_small_ones_pass() -> None:
    answering = Answering()
    answering.receive(pb.Asked(requests=[pb.Request(call=call) for call in (1, 2)]).SerializeToString())
    asked(answering)
    answering.answer(1, b"x" * (MESSAGE_SIZE * 3))
    answering.answer(2, b"small")
    messages = [pb.Answered.FromString(message).responses for message in iter(answering.take, b"")]
    last = [
        (response.call, number) for number, pieces in enumerate(messages) for response in pieces if not response.more
    ]
    assert last[0] == (2, 1)
    assert last[1] == (1, len(messages) - 1)


def test_the_rest_of_an_answer_that_nobody_wants_is_not_sent() -> None:
    answering = Answering()
    answering.receive(request())
    asked(answering)
    answering.answer(1, b"x" * (MESSAGE_SIZE * 10))
    answering.take()
    assert answering.receive(pb.Asked(cancelled=[1]).SerializeToString()) == []
    (last,) = pb.Answered.FromString(answering.take()).responses
    assert (last.body, last.more, last.status) == (b"", False, Status.CANCELLED)
    assert answering.take() == b""


def test_nothing_is_begun_while_too_much_waits_to_be_written() -> None:
    answering = Answering(max_waiting=MESSAGE_SIZE)
    answering.receive(request(1))
    asked(answering)
    answering.answer(1, b"x" * (2 * MESSAGE_SIZE))
    answering.receive(request(2))
    assert asked(answering) == []
    answering.take()
    assert [item.call for item in asked(answering)] == [2]


def test_what_waits_to_be_begun_can_be_cancelled() -> None:
    answering = Answering(max_waiting=-1)
    answering.receive(request())
    assert answering.receive(pb.Asked(cancelled=[1]).SerializeToString()) == []
    (only,) = pb.Answered.FromString(answering.take()).responses
    assert only.status == Status.CANCELLED


def test_an_answer_that_is_too_large_ends_its_call_and_cancels_it() -> None:
    asking = Asking(100)
    call = ask(asking)
    asking.take()
    assert asking.receive(response(call, body=b"x" * 60, more=True)) == []
    (answer,) = asking.receive(response(call, body=b"x" * 60, more=True))
    assert answer == Answer(
        call, Status.RESOURCE_EXHAUSTED, "Received message larger than max (120 vs. 100)", b"", False
    )
    assert list(pb.Asked.FromString(asking.take()).cancelled) == [call]
    assert asking.receive(response(call, body=b"x" * 60)) == []


def test_an_answer_to_a_call_that_was_given_up_is_nobodys() -> None:
    asking = Asking(ANY)
    call = ask(asking)
    asking.take()
    asking.give_up(call)
    assert asking.receive(response(call, body=b"late")) == []


def test_what_is_asked_while_as_many_calls_are_open_as_there_may_be_goes_elsewhere() -> None:
    asking = Asking(ANY)
    for _ in range(MAX_CALLS):
        ask(asking)
    assert not asking.takes("/s/M", b"")


def test_a_call_that_was_given_up_is_open_until_it_is_answered() -> None:
    asking = Asking(ANY, max_calls=1)
    call = ask(asking)
    asking.take()
    asking.give_up(call)
    assert not asking.takes("/s/M", b"")
    asking.receive(response(call, status=Status.CANCELLED))
    assert asking.takes("/s/M", b"")


def test_a_large_request_goes_elsewhere() -> None:
    assert Asking(ANY).takes("/s/M", b"x" * (MAX_REQUEST - 4))
    assert not Asking(ANY).takes("/s/M", b"x" * (MAX_REQUEST - 3))


def test_a_text_is_cut() -> None:
    answering = Answering()
    answering.receive(request())
    asked(answering)
    answering.answer(1, status=2, text="x" * 5000)
    assert len(pb.Answered.FromString(answering.take()).responses[0].text) == MAX_TEXT


@pytest.mark.parametrize(
    "message",
    [
        b"\xff",
        request(0),
        request(body=b"x" * MAX_REQUEST),
        request(method="x" * (MAX_REQUEST + 1)),
        request(1) + request(1),
        request(2) + request(1),
        bytes(MAX_MESSAGE + 1),
        pb.Asked(cancelled=[1] * (MAX_ENTRIES + 1)).SerializeToString(),
        pb.Asked(requests=[pb.Request(call=call) for call in range(1, MAX_CALLS + 2)]).SerializeToString(),
    ],
    ids=["garbage", "call 0", "body", "method", "twice", "backwards", "size", "cancelled", "open"],
)
def test_a_violation_of_the_asker(message: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Answering().receive(message)


def asked_once() -> Asking:
    asking = Asking(ANY)
    ask(asking)
    asking.take()
    return asking


def never_written() -> Asking:
    asking = Asking(ANY)
    ask(asking)
    return asking


@pytest.mark.parametrize(
    ("core", "message"),
    [
        (asked_once, b"\xff"),
        (asked_once, response(2)),
        (asked_once, response(1) + response(1)),
        (asked_once, bytes(MAX_MESSAGE + 1)),
        (asked_once, pb.Answered(responses=[pb.Response()] * (MAX_ENTRIES + 1)).SerializeToString()),
        (never_written, response(1)),
    ],
    ids=["garbage", "not open", "twice", "size", "entries", "not asked yet"],
)
def test_a_violation_of_the_answerer(core: Callable[[], Asking], message: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        core().receive(message)
