"""A user of a WebSocket, by websocket-client: plain sockets, which gevent has made cooperative."""

from __future__ import annotations

import time

import websocket
from locust import User, task

from users.http import STREAMING
from users.reporting import paused, report_part, timed

MESSAGES = 20
MESSAGE = "x" * 128
TIMEOUT = 30.0
"""Seconds."""


class WebSocketUser(User):
    """Opens a WebSocket, has messages echoed one after the other, and closes it."""

    wait_time = paused

    @task
    def talk(self) -> None:
        with timed(self, "WS", "/ws (total)"):
            self._talk()

    def _talk(self) -> None:
        began = time.perf_counter()
        host = str(self.environment.host or self.host)
        url = f"ws{host.removeprefix('http').rstrip('/')}{STREAMING}/ws"
        connection = websocket.create_connection(url, timeout=TIMEOUT)
        try:
            report_part(self, "WS", "/ws (first byte)", time.perf_counter() - began, 0)
            for _ in range(MESSAGES):
                self._echo(connection)
            self._close_in_order(connection)
        finally:
            connection.shutdown()

    def _echo(self, connection: websocket.WebSocket) -> None:
        began = time.perf_counter()
        connection.send(MESSAGE)
        answer = connection.recv()
        report_part(self, "WS", "/ws (round trip)", time.perf_counter() - began, len(answer))
        if answer != MESSAGE:
            raise ValueError(f"{answer!r} came back, and {MESSAGE!r} was sent")

    def _close_in_order(self, connection: websocket.WebSocket) -> None:
        """Close in order. `connection.close()` would swallow what Locust raises here to stop a user."""
        connection.send_close()
        while connection.recv_frame().opcode != websocket.ABNF.OPCODE_CLOSE:
            pass
