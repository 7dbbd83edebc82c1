"""Parts to protobuf and back."""

from __future__ import annotations

import contextlib
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import (
    Accept,
    Body,
    Close,
    Common,
    End,
    Informational,
    Message,
    Request,
    Reset,
    ResetCode,
    Response,
)
from mattermost_plugin.grpc import tunnel_pb2 as pb
from mattermost_plugin.tunnel import decoding
from mattermost_plugin.tunnel.decoding import LARGEST_KNOWN, MOST_KNOWN, decode, decode_into
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.errors import RemoteProtocolError
from mattermost_plugin.tunnel.parts import MAX_FRAMES, Addressed, Credit, Drain, Hello, Invalid, TunnelPart
from mattermost_plugin.tunnel.wire_format import MAX_FIELDS
from support.tunnels import CorePair

HEADERS = st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=20)), max_size=4)
TEXT = st.text(max_size=20)
ADDRESS = st.none() | st.tuples(st.text(min_size=1, max_size=12), st.integers(0, 65535))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    target = draw(st.binary(max_size=30))
    return Request(
        draw(st.text(min_size=1, max_size=8)),
        target,
        draw(st.integers(0, len(target))),
        draw(HEADERS),
        draw(st.sampled_from(["http", "https"])),
        draw(st.sampled_from(["1.0", "1.1", "2"])),
        draw(ADDRESS),
        draw(ADDRESS),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


PARTS: st.SearchStrategy[TunnelPart] = st.one_of(
    requests(),
    st.builds(Informational, st.integers(100, 199).filter(lambda status: status != 101), HEADERS),
    st.builds(Response, st.integers(200, 999), HEADERS, st.booleans()),
    st.builds(Body, st.binary(min_size=1, max_size=50)),
    st.builds(End, HEADERS),
    st.builds(Accept, HEADERS, TEXT),
    st.builds(Message, st.binary(max_size=50), st.booleans(), st.booleans()),
    st.builds(Close, st.integers(0, 2**32 - 1), TEXT),
    st.builds(Reset, st.sampled_from(ResetCode), TEXT),
    st.builds(Credit, st.integers(0, 2**64 - 1)),
    st.builds(Drain, notice=st.booleans()),
)


def through_the_wire(parts: list[Addressed]) -> list[Addressed]:
    return decode(encode(parts))


@given(st.lists(st.tuples(st.integers(0, 3), PARTS), max_size=12))
def test_what_is_decoded_is_what_was_encoded(parts: list[Addressed]) -> None:
    assert through_the_wire(parts) == [(id, plain(part)) for id, part in parts]


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), PARTS), max_size=12))
def test_the_generated_code_says_the_same_in_as_many_bytes(parts: list[Addressed]) -> None:
    data = encode(parts)
    generated = pb.Message.FromString(data).SerializeToString()
    assert sorted(generated) == sorted(data)  # the order of a message's fields is free
    assert decode(generated) == decode(data)


UNKNOWN_FIELDS = {
    "varint": b"\xf8\x07\x96\x01",
    "fixed64": b"\xf9\x07" + bytes(8),
    "data": b"\xfa\x07\x03abc",
    "fixed32": b"\xfd\x07" + bytes(4),
}
"""Field 127, of each kind."""


@pytest.mark.parametrize("field", UNKNOWN_FIELDS.values(), ids=UNKNOWN_FIELDS)
def test_fields_of_a_later_version_are_passed_over(field: bytes) -> None:
    hello, request, frame = pb.Hello(window=8192), pb.Request(method="GET"), pb.Frame(exchange=1, end=True)
    for known in (hello, request, frame):
        known.MergeFromString(field)
    frame.request.CopyFrom(request)
    data = pb.Message(hello=hello, frames=[frame]).SerializeToString() + field
    assert data.count(field) == 4
    assert [type(part) for _, part in decode(data)] == [Hello, Request, End]


def test_the_order_of_fields_does_not_matter() -> None:
    head, rest = pb.Frame(exchange=1, response=pb.Response(status=200)), pb.Frame(body=b"x", end=True)
    backwards = rest.SerializeToString() + head.SerializeToString()
    data = b"\x12" + bytes([len(backwards)]) + backwards
    assert decode(data) == [(1, Response(200, [])), (1, Body(b"x")), (1, End())]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x12", "no message"),
        (b"\x12\x05\x08", "longer than its message"),
        (b"\x12\x04\x22\x05\x08\x01", "longer than its message"),
        (b"\x12\x01\x08\x01", "longer than its message"),
        (b"\xff" * 11, "more than 64 bits"),
        (b"\x0b", "kind 3"),
        (b"\x12\x07\x08\x01\x12\x03\x0a\x01\xff", "no message"),
    ],
)
def test_bytes_that_are_no_message_are_the_peers_fault(data: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        decode(data)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_parts_or_the_peers_fault(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode(data)


def frames_of(parts: list[Addressed]) -> list[pb.Frame]:
    """What another implementation of protobuf reads in our bytes."""
    return list(pb.Message.FromString(encode(parts)).frames)


def plain(part: TunnelPart) -> TunnelPart:
    """The part as it is read back: an end without trailers has the default ones."""
    return End() if isinstance(part, End) and not part.trailers else part


@pytest.mark.parametrize(
    "head", [Request("POST", b"/", headers=[(b"a", b"b")]), Response(200, [(b"a", b"b")])], ids=["request", "response"]
)
def test_a_small_message_is_one_frame(head: TunnelPart) -> None:
    (frame,) = frames_of([(7, head), (7, Body(b"hello")), (7, End([(b"x", b"y")]))])
    assert frame.exchange == 7
    assert frame.body == b"hello"
    assert frame.end
    assert list(frame.trailers) == [b"x", b"y"]


def test_body_and_end_share_a_frame() -> None:
    assert len(frames_of([(1, Body(b"a")), (1, End())])) == 1


def test_each_piece_of_body_has_a_frame_of_its_own() -> None:
    frames = frames_of([(1, Body(b"a")), (1, Body(b"b")), (1, End())])
    assert [frame.body for frame in frames] == [b"a", b"b"]
    assert [frame.end for frame in frames] == [False, True]


def test_exchanges_do_not_share_a_frame() -> None:
    assert [frame.exchange for frame in frames_of([(1, Body(b"a")), (2, Body(b"b")), (1, End())])] == [1, 2, 1]


@pytest.mark.parametrize(
    "alone",
    [Informational(103), Accept(), Message(b"x"), Close(), Reset(ResetCode.CANCELLED), Credit(1)],
    ids=lambda part: type(part).__name__,
)
def test_other_kinds_stand_alone(alone: TunnelPart) -> None:
    frames = frames_of([(1, Response(200)), (1, alone), (1, Body(b"x")), (1, End())])
    assert [frame.WhichOneof("kind") for frame in frames][::2] == ["response", None]
    assert len(frames) == 3


def test_nothing_follows_an_end_in_its_frame() -> None:
    assert len(frames_of([(1, End()), (1, Body(b"x"))])) == 2


def test_an_empty_frame_means_nothing() -> None:
    assert decode(pb.Message(frames=[pb.Frame(exchange=1)]).SerializeToString()) == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pb.Frame(request=pb.Request(method="GET", headers=[pb.Fields(items=[b"a"])])), "no value"),
        (pb.Frame(request=pb.Request(method="")), "without a method"),
        (pb.Frame(request=pb.Request(method="GET", target=b"/", root_length=2)), "longer than its target"),
        (pb.Frame(informational=pb.Response(status=103, headers=[b"a"])), "no value"),
        (pb.Frame(informational=pb.Response(status=101)), "status 101"),
        (pb.Frame(informational=pb.Response(status=200)), "status 200"),
        (pb.Frame(response=pb.Response(status=200, headers=[b"a", b"b", b"c"])), "no value"),
        (pb.Frame(response=pb.Response(status=199)), "status 199"),
        (pb.Frame(response=pb.Response(status=1000)), "status 1000"),
        (pb.Frame(accept=pb.Accept(headers=[b"a"])), "no value"),
        (pb.Frame(end=True, trailers=[b"a"]), "no value"),
    ],
)
def test_what_makes_no_sense_is_left_to_the_core(frame: pb.Frame, reason: str) -> None:
    ((_, part),) = decode(pb.Message(frames=[frame]).SerializeToString())
    assert isinstance(part, Invalid)
    assert re.search(reason, part.reason)


def test_a_reset_code_of_a_later_version_is_still_a_reset() -> None:
    message = pb.Message(frames=[pb.Frame(exchange=1, reset=pb.Reset(code=pb.ResetCode.ValueType(99), reason="new"))])
    assert decode(message.SerializeToString()) == [(1, Reset(ResetCode.INTERNAL, "new"))]


def test_a_hello_is_what_was_said() -> None:
    hello = Hello(8192, 5, "somebody", 1, 3)
    assert decode(encode([(0, hello)])) == [(0, hello)]


EXCHANGE: list[TunnelPart] = [
    Request("POST", b"/a?b=c", 2, [(b"host", b"x"), (b"a", b"1"), (b"a", b"2")]),
    Body(b"first"),
    Body(b"second"),
    End([(b"checksum", b"1")]),
]


def split(parts: list[Addressed], cuts: set[int]) -> list[list[Addressed]]:
    edges = [0, *sorted(cuts), len(parts)]
    return [parts[start:end] for start, end in itertools.pairwise(edges)]


@given(st.sets(st.integers(1, 2 * len(EXCHANGE) - 1)))
def test_parts_mean_the_same_however_they_are_put_into_messages(cuts: set[int]) -> None:
    parts: list[Addressed] = [(id, part) for part in EXCHANGE for id in (1, 2)]
    whole, one_by_one = split(parts, set()), split(parts, set(range(1, len(parts))))
    assert told(split(parts, cuts)) == told(whole) == told(one_by_one) == parts


def told(messages: list[list[Addressed]]) -> list[Addressed]:
    """What a plugin's core is told when the parts arrive in these messages."""
    plugin = CorePair().plugin
    return [
        (id, event)
        for parts in messages
        for id, part in decode(encode(parts))
        if (event := plugin.receive(id, part)) is not None
    ]


FIELDS = [(b"user-agent", b"x" * 40), (b"accept", b"*/*")]


def test_a_block_that_comes_again_means_the_same_beside_what_is_new() -> None:
    common = Common(FIELDS)
    for number in range(3):
        own = (b"x-number", b"%d" % number)
        target, id = b"/%d" % number, b"id-%d" % number
        request = Request("GET", target, headers=[*FIELDS, own], common=common, request_id=id)
        ((_, read),) = decode(encode([(1, request)]))
        assert read == request


def test_blocks_make_no_difference_to_what_is_read() -> None:
    request = Request("GET", b"/", headers=FIELDS)
    in_one, in_two = encode([(1, request)]), encode([(1, with_common(request, Common(FIELDS[:1])))])
    assert in_one != in_two
    assert decode(in_one) == decode(in_two) == [(1, request)]


def with_common(request: Request, common: Common) -> Request:
    return Request(request.method, request.target, headers=request.headers, common=common)


def test_the_requests_id_is_told_beside_its_headers() -> None:
    request = Request("GET", b"/", headers=FIELDS, request_id=b"r-1")
    assert pb.Message.FromString(encode([(1, request)])).frames[0].request.request_id == "r-1"
    assert decode(encode([(1, request)])) == [(1, request)]


def test_a_response_head_that_comes_again_is_read_once() -> None:
    data = encode([(1, Response(200, FIELDS))])
    ((_, first),), ((_, second),) = decode(data), decode(data)
    assert first is second
    assert first == Response(200, FIELDS)


def test_what_is_remembered_of_heads_is_bounded() -> None:
    for number in range(3 * MOST_KNOWN):
        fields = [(b"x-number", b"%d" % number), *FIELDS]
        assert decode(encode([(1, Response(200, fields))])) == [(1, Response(200, fields))]
        assert decode(encode([(1, Request("GET", b"/", headers=fields))])) == [
            (1, Request("GET", b"/", headers=fields))
        ]
    assert len(decoding._responses) <= MOST_KNOWN
    assert len(decoding._blocks) <= MOST_KNOWN
    large = [(b"x-large", b"v" * LARGEST_KNOWN)]
    ((_, first),), ((_, second),) = (decode(encode([(1, Response(200, large))])) for _ in range(2))
    assert first == second
    assert first is not second


# How much a message may hold


def test_a_message_has_no_more_frames_than_the_protocol_says() -> None:
    frames = [pb.Frame() for _ in range(MAX_FRAMES)]
    assert decode(pb.Message(frames=frames).SerializeToString()) == []
    with pytest.raises(RemoteProtocolError, match="more than 4096 frames"):
        decode(pb.Message(frames=[*frames, pb.Frame()]).SerializeToString())


UNKNOWN = b"\xf8\x7f\x01"
"""A field of a later version: number 2047, the value 1."""

MANY = MAX_FIELDS // 2 + 10
"""So many times is too often for two frames together."""


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(request=pb.Request(headers=[pb.Fields() for _ in range(MANY)])),
        pb.Frame(request=pb.Request(method="GET", headers=[pb.Fields(items=[b""] * MANY)])),
        pb.Frame(response=pb.Response(status=200, headers=[b""] * MANY)),
        pb.Frame(informational=pb.Response(status=103, headers=[b""] * MANY)),
        pb.Frame(accept=pb.Accept(headers=[b""] * MANY)),
        pb.Frame(end=True, trailers=[b""] * MANY),
        pb.Frame(request=pb.Request.FromString(UNKNOWN * MANY)),
        pb.Frame(response=pb.Response.FromString(UNKNOWN * MANY)),
        pb.Frame(accept=pb.Accept.FromString(UNKNOWN * MANY)),
        pb.Frame(message=pb.WebSocketMessage.FromString(UNKNOWN * MANY)),
        pb.Frame(close=pb.Close.FromString(UNKNOWN * MANY)),
        pb.Frame(reset=pb.Reset.FromString(UNKNOWN * MANY)),
        pb.Frame.FromString(UNKNOWN * MANY),
    ],
    ids=lambda frame: frame.WhichOneof("kind") or "frame",
)
def test_the_fields_of_all_frames_of_a_message_are_counted_together(frame: pb.Frame) -> None:
    decode(pb.Message(frames=[frame]).SerializeToString())
    with pytest.raises(RemoteProtocolError, match="more than 65536 fields"):
        decode(pb.Message(frames=[frame, frame]).SerializeToString())


def test_fields_beside_the_frames_are_counted_too() -> None:
    decode(UNKNOWN * MAX_FIELDS)
    with pytest.raises(RemoteProtocolError, match="more than 65536 fields"):
        decode(UNKNOWN * (MAX_FIELDS + 1))


def test_reading_says_how_many_fields_it_read() -> None:
    parts: list[Addressed] = []
    message = pb.Message(frames=[pb.Frame(), pb.Frame(exchange=1, end=True)]).SerializeToString()
    assert decode_into(parts, message, 0, len(message)) == 4
    assert parts == [(1, End())]


@given(bytes_before=st.binary(max_size=20), bytes_behind=st.binary(max_size=20), cut=st.integers(0, 12))
def test_a_message_is_read_from_its_place_alone(bytes_before: bytes, bytes_behind: bytes, cut: int) -> None:
    whole = encode([(1, Response(200, [])), (1, Body(b"yes"))])
    message = whole[: len(whole) - cut % len(whole)]
    start = len(bytes_before)

    def read(data: bytes, start: int, end: int) -> list[Addressed] | str:
        parts: list[Addressed] = []
        try:
            decode_into(parts, data, start, end)
        except RemoteProtocolError as error:
            return str(error)
        return parts

    assert read(bytes_before + message + bytes_behind, start, start + len(message)) == read(message, 0, len(message))
