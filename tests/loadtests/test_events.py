"""Clients of server-sent events that count them, and how late they are."""

from __future__ import annotations

import socket
import time

import pytest
from harness.errors import MeasurementError
from harness.events import Client, count


@pytest.fixture
def ends() -> tuple[Client, socket.socket]:
    ours, theirs = socket.socketpair()
    return Client(ours), theirs


def test_an_event_counts_once_all_of_it_is_here(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    with client.connection, server:
        server.sendall(b"HTTP/1.1 200 OK\r\n\r\n9\r\ndata: 12\n\n\r\n9\r\ndata: 3")
        assert list(client.read()) == [12]
        server.sendall(b"4\n\n\r\n")
        assert list(client.read()) == [34]


def test_a_stream_that_ends_is_a_failure(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    with client.connection:
        server.close()
        with pytest.raises(MeasurementError, match="ended"):
            list(client.read())


def test_only_what_was_made_since_the_beginning_counts(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    with client.connection, server:
        later = time.monotonic_ns() + 10**12
        server.sendall(b"data: 1\n\ndata: %d\n\n" % later)
        counted = count([client], 0.1)

    assert counted.events == 1
    assert counted.p50 < 0
    assert counted.seconds >= 0.1


def test_without_any_event_there_is_no_figure(ends: tuple[Client, socket.socket]) -> None:
    client, server = ends
    with client.connection, server, pytest.raises(MeasurementError, match="no event came"):
        count([client], 0.01)
