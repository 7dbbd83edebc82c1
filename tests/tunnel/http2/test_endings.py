"""How the peer can end a call, and the status that it becomes."""

from __future__ import annotations

import struct

import pytest

from mattermost_plugin.http2.frames import (
    CANCEL,
    END_STREAM,
    GOAWAY,
    LARGEST_WINDOW,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
)
from mattermost_plugin.http2.statuses import CANCELLED, INTERNAL, OK, UNAVAILABLE, UNIMPLEMENTED, UNKNOWN
from mattermost_plugin.tunnel.http2 import Call
from support.http2 import PATH, RESPONSE, answered_client, called_server, data, frame, headers, prefixed


@pytest.mark.parametrize(
    ("code", "status"), [(CANCEL, CANCELLED), (REFUSED_STREAM, UNAVAILABLE), (0, INTERNAL), (2, INTERNAL)]
)
def test_a_reset_is_a_status(code: int, status: int) -> None:
    client = answered_client()
    client.receive(frame(RST_STREAM, struct.pack(">I", code), stream=1))
    assert client.status == status
    assert str(code) in client.text


def test_the_end_of_the_connection_is_a_status() -> None:
    for last, code in ((1, 2), (0, 0)):
        client = answered_client()
        client.receive(frame(GOAWAY, struct.pack(">II", last, code) + b"why"))
        assert client.status == UNAVAILABLE


def test_a_connection_that_takes_no_more_calls_keeps_this_one() -> None:
    client = answered_client()
    for last in (LARGEST_WINDOW, 1):
        client.receive(frame(GOAWAY, struct.pack(">II", last, 0)))
    assert client.receive(data(prefixed(b"x"))) == [b"x"]
    assert client.status is None


def test_a_client_that_takes_no_pushed_streams_keeps_its_call() -> None:
    server = called_server()
    server.receive(frame(GOAWAY, struct.pack(">II", 0, 0)))
    assert server.status is None


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ([*RESPONSE, ("grpc-status", "12"), ("grpc-message", "no%20such")], UNIMPLEMENTED, "no such"),
        ([*RESPONSE, ("grpc-status", "0")], OK, ""),
        ([*RESPONSE, ("grpc-status", "")], UNKNOWN, ""),
        ([*RESPONSE, ("grpc-status", "-1")], UNKNOWN, ""),
        ([*RESPONSE, ("grpc-status", "9" * 5000)], UNKNOWN, ""),
        (RESPONSE, UNKNOWN, "the stream ended without a status"),
        ([(":status", "404")], UNIMPLEMENTED, "the answer has HTTP status 404"),
        ([(":status", "503")], UNAVAILABLE, "the answer has HTTP status 503"),
        ([(":status", "500")], UNKNOWN, "the answer has HTTP status 500"),
    ],
)
def test_an_answer_of_trailers_alone_is_a_status(fields: list[tuple[str, str]], status: int, text: str) -> None:
    client = Call(client=True)
    client.start(PATH)
    client.receive(frame(SETTINGS) + headers(fields, end=True))
    assert (client.status, client.text) == (status, text)


def test_another_http_status_ends_the_call_even_where_a_body_follows() -> None:
    client = Call(client=True)
    client.start(PATH)
    client.receive(frame(SETTINGS) + headers([(":status", "502"), ("content-type", "text/html")]))
    assert client.status == UNAVAILABLE


def test_data_that_ends_the_stream_leaves_no_status() -> None:
    client = answered_client()
    assert client.receive(data(prefixed(b"x"), END_STREAM)) == [b"x"]
    assert (client.status, client.text) == (UNKNOWN, "the stream ended without a status")
