"""Both of our roles with the `h2` package as the peer: whatever is sent arrives, however the bytes are cut."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.http2.limits import Limits
from mattermost_plugin.http2.statuses import OK, decoded_text
from mattermost_plugin.http2.streams import Stream
from support.http2 import PATH, prefixed
from support.http2_ends import REQUEST, Peer, our_client, our_server, pass_to_peer

TIGHT = Limits(first_window=65_535, largest_window=70_000, pool_size=5000)

messages = st.lists(st.one_of(st.binary(max_size=20), st.integers(0, 400)), max_size=4)
"""Bytes, or hundredths of a window."""
cuts = st.lists(st.integers(0, 10_000), max_size=5)
texts = st.text(max_size=30)
names = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True)
values = st.text("abcdefgh ;=", max_size=20).map(str.strip)
fields = st.lists(st.tuples(names.map(str.encode), values.map(str.encode)), max_size=3)


@dataclass(frozen=True)
class Played:
    """One call: what goes up, what comes down, how it ends."""

    up: list[bytes | int]
    down: list[bytes | int]
    metadata: list[tuple[bytes, bytes]]
    status: int
    text: str


plays = st.lists(
    st.builds(Played, messages, messages, fields, st.integers(0, 16), texts.map(lambda text: text.replace("\0", ""))),
    min_size=1,
    max_size=4,
)
limits = st.sampled_from([Limits(), TIGHT])


def whole(messages: list[bytes | int], bounds: Limits) -> list[bytes]:
    """The messages that are meant."""
    size = bounds.first_window
    return [bytes(message * size // 100) if isinstance(message, int) else message for message in messages]


@given(plays, cuts, limits)
def test_what_a_client_of_ours_sends_comes_back_from_a_server_that_echoes(
    calls: list[Played], at: list[int], bounds: Limits
) -> None:
    end, client = our_client(bounds)
    peer = Peer(client=False, echoes=True)
    streams = []
    for played in calls:
        stream = client.call(PATH, fields=played.metadata)
        streams.append(stream)
        for message in whole(played.up, bounds):
            client.send(stream, message)
        client.end(stream)
    pass_to_peer(end, peer, at)
    for stream, played in zip(streams, calls, strict=True):
        saw = peer.seen[stream.id]
        assert dict(saw.headers)[b":path"] == PATH.encode()
        assert [field for field in saw.headers if field[0].startswith(b"x-")] == played.metadata
        assert saw.messages == whole(played.up, bounds)
        assert saw.ended
        assert end.of(stream).messages == whole(played.up, bounds)
        assert end.of(stream).status == OK
    assert client.open_calls == 0


@given(plays, cuts, limits)
def test_what_a_client_sends_comes_back_from_a_server_of_ours(
    calls: list[Played], at: list[int], bounds: Limits
) -> None:
    end, server = our_server(bounds)
    peer = Peer(client=True)

    def answer(stream: Stream) -> None:
        played = calls[stream.id // 2]
        server.respond(stream, played.metadata)
        for message in whole(played.down, bounds):
            server.send(stream, message)
        server.finish(stream, played.status, played.text, played.metadata)

    end.on_call = answer
    for number, played in enumerate(calls):
        stream = 2 * number + 1
        peer.h2.send_headers(stream, REQUEST)
        peer.send(stream, b"".join(map(prefixed, whole(played.up, bounds))))
        peer.end(stream)
    pass_to_peer(end, peer, at)
    for number, played in enumerate(calls):
        saw = peer.seen[2 * number + 1]
        assert [field for field in saw.headers if field[0].startswith(b"x-")] == played.metadata
        assert saw.messages == whole(played.down, bounds)
        assert saw.trailers is not None
        trailers = dict(saw.trailers)
        assert trailers[b"grpc-status"] == b"%d" % played.status
        assert decoded_text(trailers.get(b"grpc-message", b"")) == played.text
        assert [field for field in saw.trailers if field[0].startswith(b"x-")] == played.metadata
    assert server.open_streams == 0
