"""Users of plain HTTP: small answers, bodies in both directions, server-sent events."""

from __future__ import annotations

from locust import FastHttpUser, task

from users.reporting import paused
from users.streams import blocks, events, read_stream

BENCH = "/plugins/com.example.bench"
STREAMING = "/plugins/com.example.streaming"
BODY = bytes(2**20)
SLOW_BODY = 4 * 2**20
SLOW_PAUSE = 0.02
"""Seconds after each piece."""
TICKS, TICK_INTERVAL = 20, 0.02
TICKS_SIZE = sum(len(f"id: {number}\ndata: {number}\n\n") for number in range(1, TICKS + 1))


class JsonUser(FastHttpUser):
    """Small JSON."""

    weight = 4
    wait_time = paused

    @task
    def read_json(self) -> None:
        with self.client.get(f"{BENCH}/json", name="/json", catch_response=True) as response:
            if response.status_code == 200 and response.content != b'{"hello":"world"}':
                response.failure(f"answered with {response.text}")


class UploadUser(FastHttpUser):
    """1 MiB up."""

    wait_time = paused

    @task
    def upload(self) -> None:
        with self.client.post(
            f"{BENCH}/upload",
            data=BODY,
            name="/upload",
            catch_response=True,
        ) as response:
            if response.status_code == 200 and response.content != b'{"bytes":%d}' % len(BODY):
                response.failure(f"answered with {response.text}")


class DownloadUser(FastHttpUser):
    """1 MiB down."""

    wait_time = paused

    @task
    def download(self) -> None:
        read_stream(self, f"{BENCH}/bytes?n={len(BODY)}", "/bytes", blocks, expected=len(BODY))


class SseUser(FastHttpUser):
    """Server-sent events that come at intervals."""

    wait_time = paused

    @task
    def listen(self) -> None:
        path = f"{STREAMING}/ticks?n={TICKS}&interval={TICK_INTERVAL}"
        read_stream(self, path, "/ticks", events, expected=TICKS_SIZE)


class SlowReaderUser(FastHttpUser):
    """Reads 4 MiB, and takes its time."""

    wait_time = paused

    @task
    def download(self) -> None:
        path = f"{BENCH}/bytes?n={SLOW_BODY}"
        read_stream(self, path, "/bytes read slowly", blocks, expected=SLOW_BODY, pause=SLOW_PAUSE)
