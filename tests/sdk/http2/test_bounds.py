"""What a peer can make an end do, and hold."""

from __future__ import annotations

import struct

import pytest
from hpack import Decoder, Encoder

from mattermost_plugin.http2.connection import BLOCK_WORK, WORK
from mattermost_plugin.http2.endpoint import MAX_UNREAD
from mattermost_plugin.http2.errors import CannotCall
from mattermost_plugin.http2.events import ConnectionFailed, Draining, Event, PingAnswered, Settled
from mattermost_plugin.http2.frames import (
    ACK,
    CANCEL,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    LARGEST_STREAM,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    PING,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from mattermost_plugin.http2.header_blocks import MAX_HEADER_LIST, MOST_KNOWN, BlockEncoder, Template
from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.messages import MAX_LITTLE
from mattermost_plugin.http2.server import RESETS_BESIDE, RESETS_IN_SECOND
from mattermost_plugin.http2.statuses import OK, UNAVAILABLE
from support.http2 import GREETING, PATH, REQUEST, RESPONSE, data, frame, frames, headers, prefixed, window_update
from support.http2_ends import our_client, our_server


def setting(key: int, value: int) -> bytes:
    return frame(SETTINGS, struct.pack(">HI", key, value))


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, struct.pack(">I", code), stream=stream)


def goaway(last: int, code: int = NO_ERROR, text: bytes = b"") -> bytes:
    return frame(GOAWAY, struct.pack(">II", last, code) + text)


def failures(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, ConnectionFailed)]


# Answers, resets, little frames


@pytest.mark.parametrize(
    "asked",
    [
        frame(PING, bytes(8)),
        frame(SETTINGS),
        headers([(":status", "200"), *REQUEST], stream=3),
        headers([(":method", "GET"), *REQUEST[1:]], stream=3),
    ],
)
def test_a_peer_that_asks_and_does_not_read_is_not_heard_further(asked: bytes) -> None:
    _, server = our_server()
    server.receive(GREETING)
    stream = 3
    events: list[Event] = []
    heard = 0
    while not failures(events):
        heard += 1
        assert heard < 10_000
        events = server.receive(asked[:5] + (stream if asked[5:9] != bytes(4) else 0).to_bytes(4, "big") + asked[9:])
        stream += 2
        server.take_output()
    assert "bytes of answers wait for a peer that does not read them" in failures(events)[0]
    assert heard * 9 <= 2 * MAX_UNREAD


def test_a_peer_that_reads_may_ask_for_ever() -> None:
    end, _ = our_server()
    end.feed([GREETING])
    for _ in range(10):
        end.feed([frame(PING, bytes(8)) * 1000])
        assert len(frames(end.output())) >= 1000
    assert failures(end.others) == []


def test_calls_may_be_given_up_all_at_once_but_not_for_ever() -> None:
    end, server = our_server(Limits(max_streams=10))
    end.feed([GREETING])
    allowed = int(2 * 10 + RESETS_BESIDE)
    stream = 1
    for _ in range(allowed):
        end.feed([headers(REQUEST, stream=stream) + reset(stream)])
        server.release(list(end.seen)[-1])
        stream += 2
    assert failures(end.others) == []
    end.feed([headers(REQUEST, stream=stream) + reset(stream)])
    assert failures(end.others) == ["too many calls were given up"]


def test_calls_may_be_given_up_again_after_a_time() -> None:
    end, server = our_server(Limits(max_streams=10))
    end.feed([GREETING])
    stream = 1
    for turn in range(20):
        server.tick(float(turn))
        for _ in range(int(RESETS_IN_SECOND)):
            end.feed([headers(REQUEST, stream=stream) + reset(stream)])
            server.release(list(end.seen)[-1])
            stream += 2
    assert failures(end.others) == []


def test_a_call_that_was_given_up_counts_while_it_is_worked_on() -> None:
    end, server = our_server(Limits(max_streams=2))
    end.feed([GREETING + headers(REQUEST) + reset(1) + headers(REQUEST, stream=3) + reset(3)])
    end.feed([headers(REQUEST, stream=5)])
    assert [stream.id for stream in end.seen] == [1, 3]
    assert frames(end.output())[-1] == (RST_STREAM, 0, 5, struct.pack(">I", REFUSED_STREAM))
    server.release(next(iter(end.seen)))
    end.feed([headers(REQUEST, stream=7)])
    assert [stream.id for stream in end.seen] == [1, 3, 7]


def test_provoked_resets_count_as_resets() -> None:
    end, server = our_server(Limits(max_streams=10))
    end.feed([GREETING])
    stream = 1
    while not failures(end.others):
        assert stream < 10_000
        end.feed([headers(REQUEST, stream=stream) + frame(WINDOW_UPDATE, bytes(4), stream=stream)])
        for seen in end.seen:
            server.release(seen)
        end.output()
        stream += 2
    assert failures(end.others) == ["too many calls were given up"]


@pytest.mark.parametrize("message", [b"x", b""], ids=["a message", "an empty one"])
def test_frames_that_bring_messages_are_not_counted_as_little(message: bytes) -> None:
    end, _ = our_server()
    end.feed([GREETING + headers(REQUEST)])
    for _ in range(3):
        end.feed([data(b"") * (MAX_LITTLE - 1), data(prefixed(message))])
        end.output()
    for _ in range(2 * MAX_LITTLE):
        end.feed([data(prefixed(message))])
        end.consume()
        end.output()
    assert failures(end.others) == []


def test_what_was_read_at_once_is_worked_on_in_portions() -> None:
    _, server = our_server()
    server.receive(GREETING)
    calls = b"".join(headers(REQUEST, stream=number) for number in range(1, 2001, 2))
    seen, portions = 0, 0
    events = server.receive(calls)
    while events:
        seen += len(events)
        portions += 1
        events = server.receive(b"") if server.has_more else []
    assert seen == 1000
    assert portions >= 1000 * BLOCK_WORK // WORK


def test_what_comes_between_portions_is_not_lost() -> None:
    _, server = our_server()
    server.receive(GREETING)
    calls = b"".join(headers(REQUEST, stream=number) for number in range(1, 2001, 2))
    events = server.receive(calls[:-7])
    assert server.has_more
    events += server.receive(calls[-7:])
    while server.has_more:
        events += server.receive(b"")
    assert len(events) == 1000


# Header blocks


def test_a_block_that_says_too_much_is_an_error_of_its_stream_once_no_table_is_kept() -> None:
    end, _ = our_server()
    encoder = Encoder()
    end.feed([GREETING + frame(SETTINGS, b"", ACK)])
    encoder.header_table_size = 0
    many = [("x-many", "x" * 30)] * (MAX_HEADER_LIST // 60)
    block = encoder.encode([*REQUEST, *[(name, value, True) for name, value in many]])
    end.feed([frame(HEADERS, block, END_HEADERS, 1), headers(REQUEST, stream=3)])
    assert [stream.id for stream in end.seen] == [3]
    assert frames(end.output())[-1].kind == RST_STREAM


def test_a_block_that_says_too_much_ends_the_connection_while_a_table_is_kept() -> None:
    end, _ = our_server()
    many = [("x-many", "x" * 30)] * (MAX_HEADER_LIST // 60)
    end.feed([GREETING + headers([*REQUEST, *many])])
    assert failures(end.others) == ["headers of more than 65536 bytes"]


def test_a_peer_that_keeps_its_table_though_it_was_told_not_to_breaks_the_protocol() -> None:
    end, _ = our_server()
    end.feed([GREETING + frame(SETTINGS, b"", ACK) + headers(REQUEST)])
    assert "Encoder did not shrink table size" in failures(end.others)[0]


def test_the_same_bytes_say_the_same_and_others_do_not() -> None:
    end, _ = our_server(Limits(max_streams=2000))
    encoder = Encoder()
    encoder.header_table_size = 0
    end.feed([GREETING + frame(SETTINGS, b"", ACK)])
    for number in range(2 * MOST_KNOWN):
        for turn in range(2):
            fields = encoder.encode([*REQUEST, ("x-number", str(number))], huffman=bool(number % 2))
            stream = 4 * number + 2 * turn + 1
            end.feed([frame(HEADERS, fields, END_HEADERS | END_STREAM, stream)])
            assert (b"x-number", b"%d" % number) in end.of(list(end.seen)[-1]).fields


def test_a_block_may_come_in_pieces_with_priority_and_padding() -> None:
    end, _ = our_server()
    whole = frames(headers(REQUEST))[0].payload
    first = bytes((3,)) + bytes(5) + whole[:10] + bytes(3)
    pieces = frame(HEADERS, first, 0x8 | 0x20 | END_STREAM, 1) + frame(CONTINUATION, whole[10:20], 0, 1)
    end.feed([GREETING + pieces + frame(CONTINUATION, whole[20:], END_HEADERS, 1)])
    [stream] = end.seen
    assert (end.of(stream).path, end.of(stream).complete) == (PATH, True)


def test_a_block_larger_than_a_frame_is_sent_in_pieces() -> None:
    end, client = our_client()
    value = bytes(range(97, 123)) * 2000
    client.call(PATH, fields=[(b"x-large", value)])
    sent = frames(end.output())[2:]
    kinds = [HEADERS, CONTINUATION, CONTINUATION, CONTINUATION]
    assert [(one.kind, one.flags) for one in sent] == list(zip(kinds, [0, 0, 0, END_HEADERS], strict=True))
    other, _ = our_server()
    other.feed([GREETING + b"".join(frame(one.kind, one.payload, one.flags, 1) for one in sent)])
    [stream] = other.seen
    assert (b"x-large", value) in other.of(stream).fields


def test_heads_are_a_few_bytes_once_the_peer_knows_them_and_follow_the_size_of_its_table() -> None:
    end, client = our_client()
    decoder = Decoder()
    expected = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", PATH.encode())]

    def call(**options: object) -> int:
        client.call(PATH, **options)  # type: ignore[arg-type]  # of any kind
        [sent] = [one for one in frames(end.output()) if one.kind == HEADERS]
        assert list(decoder.decode(sent.payload, raw=True))[:3] == expected
        return len(sent.payload)

    call()
    assert call() <= 8
    assert call(fields=[(b"x-other", b"1")]) > 8
    assert call() <= 8
    for least in (0, 100, 4096):
        decoder.max_allowed_table_size = 4096
        end.feed([setting(HEADER_TABLE_SIZE, 0) + setting(HEADER_TABLE_SIZE, least)])
        call()
        call()
        assert decoder.header_table_size == least
    assert call() <= 8


def test_an_encoder_says_the_least_size_and_the_last() -> None:
    encoder, decoder = BlockEncoder(), Decoder()
    template = Template([(b"x-name", b"value")])
    decoder.decode(encoder.encode(template))
    encoder.resize(0)
    encoder.resize(10_000)
    decoder.decode(encoder.opening())
    assert decoder.header_table.dynamic_entries.maxlen is None
    assert len(decoder.header_table.dynamic_entries) == 0
    assert decoder.header_table_size == 4096
    assert decoder.decode(encoder.encode(template), raw=True) == [(b"x-name", b"value")]


def test_metadata_beyond_what_the_peer_takes_is_not_sent() -> None:
    end, client = our_client()
    end.feed([setting(MAX_HEADER_LIST_SIZE, 200)])
    with pytest.raises(CannotCall, match="at most 200 bytes of metadata"):
        client.call(PATH, fields=[(b"x-large", bytes(200))])
    end, server = our_server()
    end.feed([GREETING + setting(MAX_HEADER_LIST_SIZE, 200) + headers(REQUEST)])
    [stream] = end.seen
    server.finish(stream, OK, "a text", [(b"x-a", b"a"), (b"x-large", b"b" * 200)])
    fields = frames(end.output())[-2].fields
    assert (fields["grpc-message"], fields["x-a"]) == ("a text", "a")
    assert "x-large" not in fields


# Streams


def answer(stream: int) -> bytes:
    return headers(RESPONSE, stream=stream) + headers([("grpc-status", "0")], end=True, stream=stream)


def test_calls_beyond_what_the_peer_takes_wait_in_order() -> None:
    end, client = our_client(Limits(max_waiting=2))
    end.feed([setting(MAX_CONCURRENT_STREAMS, 2)])
    streams = [client.call(PATH) for _ in range(4)]
    for number, stream in enumerate(streams):
        client.send(stream, b"%d" % number)
        client.end(stream)
    assert client.open_calls == 4
    with pytest.raises(CannotCall, match="2 calls wait already"):
        client.call(PATH)
    assert [stream.id for stream in streams] == [1, 3, 0, 0]
    end.output()
    end.feed([answer(3)])
    sent = frames(end.output())
    assert [(one.kind, one.stream) for one in sent] == [(HEADERS, 5), (0, 5)]
    assert sent[-1].payload == prefixed(b"2")
    client.reset(streams[3])
    end.feed([answer(1) + answer(5)])
    assert client.open_calls == 0
    assert [end.of(stream).status for stream in streams] == [OK, OK, OK, None]


def test_a_peer_may_take_more_later() -> None:
    end, client = our_client()
    end.feed([setting(MAX_CONCURRENT_STREAMS, 0)])
    streams = [client.call(PATH) for _ in range(3)]
    assert frames(end.output())[-1].kind == SETTINGS
    end.feed([setting(MAX_CONCURRENT_STREAMS, 2)])
    assert [stream.id for stream in streams] == [1, 3, 0]


def test_what_a_server_refuses_was_not_touched() -> None:
    end, client = our_client()
    refused, failed = client.call(PATH), client.call(PATH)
    end.feed([frame(SETTINGS) + reset(1, REFUSED_STREAM) + reset(3, CANCEL)])
    assert (end.of(refused).status, end.of(refused).untouched) == (UNAVAILABLE, True)
    assert not end.of(failed).untouched


def test_a_server_that_goes_leaves_what_it_has_begun_and_touches_no_other() -> None:
    end, client = our_client()
    end.feed([setting(MAX_CONCURRENT_STREAMS, 2)])
    streams = [client.call(PATH) for _ in range(3)]
    end.feed([goaway(1, NO_ERROR, b"bye")])
    assert [type(event) for event in end.others] == [Settled, Draining]
    assert "with code 0: bye" in end.others[1].text  # type: ignore[attr-defined]  # a drain's
    assert [end.of(stream).untouched for stream in streams] == [False, True, True]
    with pytest.raises(CannotCall, match="takes no more calls"):
        client.call(PATH)
    end.feed([answer(1)])
    assert end.of(streams[0]).status == OK


def test_a_server_drains_in_two_steps() -> None:
    end, server = our_server()
    end.feed([GREETING + headers(REQUEST)])
    end.output()
    server.drain()
    said, asked = frames(end.output())
    assert said.payload == struct.pack(">II", LARGEST_STREAM, NO_ERROR)
    end.feed([headers(REQUEST, stream=3)])
    end.feed([frame(PING, asked.payload, ACK)])
    assert frames(end.output())[-1].payload == struct.pack(">II", 3, NO_ERROR)
    end.feed([headers(REQUEST, stream=5) + data(prefixed(b"x"), stream=5)])
    assert [stream.id for stream in end.seen] == [1, 3]
    for stream in end.seen:
        server.finish(stream)
    assert server.open_streams == 2
    end.output()
    assert server.open_streams == 0


def test_a_connection_whose_numbers_are_used_up_takes_no_more_calls() -> None:
    end, client = our_client()
    client._next = LARGEST_STREAM - 2**16  # six days at 2,000 calls a second
    client.call(PATH)
    end.feed([frame(SETTINGS)])
    assert client.draining
    assert [type(event) for event in end.others] == [Draining, Settled]


def test_calls_fail_with_their_connection() -> None:
    end, client = our_client()
    end.feed([setting(MAX_CONCURRENT_STREAMS, 1)])
    begun, waiting = client.call(PATH), client.call(PATH)
    end.take(client.lost("the wire was cut"))
    assert (end.of(begun).status, end.of(begun).text) == (UNAVAILABLE, "the wire was cut")
    assert not end.of(begun).untouched
    assert end.of(waiting).untouched
    assert client.lost("again") == []
    assert client.receive(frame(PING, bytes(8))) == []


def test_a_ping_is_answered_with_its_bytes() -> None:
    end, client = our_client()
    client.ping(b"12345678")
    assert frames(end.output())[-1] == (PING, 0, 0, b"12345678")
    end.feed([frame(SETTINGS) + frame(PING, b"12345678", ACK)])
    [_, answered] = end.others
    assert isinstance(answered, PingAnswered)
    assert answered.data == b"12345678"


def test_frames_of_unknown_kinds_and_priorities_are_ignored() -> None:
    end, _ = our_server()
    end.feed([GREETING + frame(0x42, b"?", 0xFF, 77) + frame(2, bytes(5), 0, 9) + headers(REQUEST)])
    assert len(end.seen) == 1
    assert failures(end.others) == []


def test_late_frames_of_streams_that_are_over_are_ignored() -> None:
    end, client = our_client()
    stream = client.call(PATH)
    client.reset(stream)
    end.feed([frame(SETTINGS) + answer(1) + data(prefixed(b"x")) + reset(1) + window_update(1, 1)])
    assert end.seen == {}
    assert failures(end.others) == []


def test_interim_responses_are_passed_over() -> None:
    end, client = our_client()
    stream = client.call(PATH)
    end.feed([frame(SETTINGS) + headers([(":status", "103"), ("link", "</a>")]) + answer(1)])
    assert end.of(stream).status == OK


@pytest.mark.parametrize(
    ("received", "status", "text"),
    [
        (headers([(":status", "503")], end=True), UNAVAILABLE, "the answer has HTTP status 503"),
        (headers([(":status", "404")]), 12, "the answer has HTTP status 404"),
        (headers([(":status", "200"), ("content-type", "text/html")]), 2, "the answer is not gRPC's"),
        (headers(RESPONSE, end=True), 2, "the stream ended without a status"),
        (headers(RESPONSE) + data(b"", END_STREAM), 2, "the stream ended without a status"),
        (headers(RESPONSE) + headers([("x", "y")], end=True), 2, "the stream ended without a status"),
        (headers([*RESPONSE, ("grpc-status", "5"), ("grpc-message", "a%20b")], end=True), 5, "a b"),
        (headers(RESPONSE) + headers([("grpc-status", "many")], end=True), 2, ""),
    ],
)
def test_a_call_may_end_in_many_ways(received: bytes, status: int, text: str) -> None:
    end, client = our_client()
    stream = client.call(PATH)
    end.feed([frame(SETTINGS) + received])
    assert (end.of(stream).status, end.of(stream).text) == (status, text)
    assert client.open_calls == 0
    assert frames(end.output())[-1].kind == RST_STREAM, "nothing more is sent of it"
