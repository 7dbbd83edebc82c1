"""Clients of WebSockets that wait for their message to come back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from harness.echo import ANSWER, PONG, QUESTION, Client, frame, measure
from harness.errors import MeasurementError


@pytest.fixture
def ends() -> Iterator[tuple[Client, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Client(ours), theirs


def test_a_message_is_back_once_all_of_it_is_here(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    server.sendall(ANSWER[:9])
    assert not client.answered()
    server.sendall(ANSWER[9:])
    assert client.answered()
    server.sendall(ANSWER)
    assert client.answered()


def test_a_ping_is_answered_and_is_no_message(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    server.sendall(b"\x89\x02")
    assert not client.answered()
    server.sendall(b"hi" + ANSWER[:5])
    assert not client.answered()
    server.sendall(ANSWER[5:])
    assert client.answered()
    assert server.recv(100) == frame(PONG, b"hi")


@pytest.mark.parametrize("other", [b"\x81\x02hi", ANSWER[:-1] + b"!", b"\x88\x00"])
def test_anything_else_is_a_failure(ends: tuple[Client, socket.socket], other: bytes) -> None:
    client, server = ends
    server.sendall(other)
    with pytest.raises(MeasurementError, match="came back as"):
        client.answered()


def test_a_websocket_that_ends_is_a_failure(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    server.close()
    with pytest.raises(MeasurementError, match="ended"):
        client.answered()


def test_what_comes_back_is_counted(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends

    def answer() -> None:
        while server.recv(len(QUESTION), socket.MSG_WAITALL):
            server.sendall(ANSWER)

    thread = threading.Thread(target=answer)
    thread.start()
    counted = measure([client], 0.1)
    client.connection.shutdown(socket.SHUT_WR)
    thread.join()
    assert counted.messages > 0
    assert counted.seconds >= 0.1
    assert 0 < counted.p50 <= counted.p99
