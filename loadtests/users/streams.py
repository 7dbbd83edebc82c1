"""Responses read piece by piece: first byte, each gap between two pieces, and total are entries of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import gevent
from geventhttpclient.response import HTTPSocketResponse
from locust import FastHttpUser
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, ResponseContextManager

from users.reporting import report_part

PIECE = 64 * 1024

Pieces = Callable[[HTTPSocketResponse], Iterator[bytes]]


def blocks(stream: HTTPSocketResponse) -> Iterator[bytes]:
    """The first byte, then blocks of 64 KiB."""
    size = 1
    while piece := stream.read(size):
        yield piece
        size = PIECE


def events(stream: HTTPSocketResponse) -> Iterator[bytes]:
    """Server-sent events."""
    while event := stream.readline(b"\n\n"):
        yield event


def read_stream(
    user: FastHttpUser, path: str, label: str, pieces: Pieces, *, expected: int, pause: float = 0.0
) -> None:
    """Read a response of `expected` bytes, with a pause after each piece. No entry counts the pauses but the total."""
    began = time.perf_counter()
    with user.client.get(path, name=f"{label} (total)", stream=True, catch_response=True) as response:
        if response.status_code != 200:
            response.failure(f"answered with {response.status_code}")
            return
        try:
            size = _read_pieces(user, response, label, pieces, began, pause)
        except FAILURE_EXCEPTIONS as error:
            response.failure(error)
            return
        response.request_meta["response_time"] = (time.perf_counter() - began) * 1000
        response.request_meta["response_length"] = size
        if size != expected:
            response.failure(f"{size} bytes came, and {expected} were expected")


def _read_pieces(
    user: FastHttpUser, response: ResponseContextManager, label: str, pieces: Pieces, began: float, pause: float
) -> int:
    """How many bytes came."""
    size, since, part = 0, began, "first byte"
    for piece in pieces(response.stream):
        report_part(user, "GET", f"{label} ({part})", time.perf_counter() - since, len(piece))
        size += len(piece)
        if pause:
            gevent.sleep(pause)
        since, part = time.perf_counter(), "gap"
    return size
