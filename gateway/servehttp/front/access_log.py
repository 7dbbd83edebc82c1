"""What is known of a request while it is open, and the one line of the access log that it becomes."""

from __future__ import annotations

import time

from mattermost_plugin.exchange import Request
from mattermost_plugin.tracing import Span
from servehttp.front.responses import Refusal
from servehttp.request_lines import log_request
from servehttp.requests_seen import PATH_CHARACTERS, SeenRequest


class Wait:
    """How long one side has kept the other waiting, in seconds.

    Attributes:
        seconds: all of it that is over.
    """

    __slots__ = ("_since", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    @property
    def lasts(self) -> bool:
        """Whether it is not over."""
        return bool(self._since)

    def begin(self) -> None:
        """The wait begins, unless it has."""
        if not self._since:
            self._since = time.perf_counter()

    def end(self) -> None:
        """It is over, if there is one."""
        if self._since:
            self.seconds += time.perf_counter() - self._since
            self._since = 0.0


class RequestRecord:
    """One request, from its head to its last byte.

    Args:
        request: its head; its id and its client are read when the line is written.
        path: the raw path of its target.

    Attributes:
        plugin_id: the plugin that it is for; empty while none was found.
        bytes_in: what of the body, or of WebSocket messages, went to the plugin.
        bytes_out: what came back, or what an answer of the gateway's own has.
        messages_in: how many messages of a WebSocket went to the plugin.
        messages_out: how many came back.
        plugin_waits: how long what the client sends had to wait for the plugin to take more.
        client_waits: how long what the plugin sends had to wait for the client to read on.
        started: when its head was read, by `time.perf_counter`.
        first_byte: when the response began, by `time.perf_counter`.
        problem: why it did not end as it should have, if it did not.
        cut_short: what ended its exchange before the response was complete, if anything did: an `Ending`'s cause.
        refused: whether the answer is the gateway's own.
        handed_over: when the plugin was first given it, by `time.perf_counter`, where the response is to say so.
        span: of a trace; None where it has none.
        request: its head.
    """

    def __init__(self, request: Request, path: bytes) -> None:
        self.plugin_id = ""
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.messages_in = 0
        self.messages_out = 0
        self.plugin_waits = Wait()
        self.client_waits = Wait()
        self.started = time.perf_counter()
        self.first_byte: float | None = None
        self.problem: str | None = None
        self.cut_short: str | None = None
        self.refused = False
        self.span: Span | None = None
        self.handed_over: float | None = None
        self.request = request
        self.path = path

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def waits_for(self) -> str:
        """Who keeps what is on its way to it waiting: `plugin`, `client`, or nobody."""
        return "plugin" if self.plugin_waits.lasts else "client" if self.client_waits.lasts else ""

    @property
    def is_websocket(self) -> bool:
        return self.request.websocket

    def hand_over(self) -> None:
        """The plugin is given it, and the response is to say how long that took."""
        if self.handed_over is None:
            self.handed_over = time.perf_counter()

    def server_timing(self) -> bytes:
        """What `Server-Timing` says of a response that begins: milliseconds until the plugin was given the request, and
        from then on."""
        handed_over = self.handed_over or self.started
        gateway, plugin = handed_over - self.started, time.perf_counter() - handed_over
        return b"gateway;dur=%.2f, plugin;dur=%.2f" % (gateway * 1000, plugin * 1000)

    def begin_response(self, status: int) -> None:
        self.status = status
        self.first_byte = time.perf_counter()

    def begin_refusal(self, refusal: Refusal) -> tuple[Refusal, bytes]:
        """The gateway answers itself, for the plugin that the answer names; returns the answer's body."""
        self.plugin_id = refusal.plugin_id or ""
        self.refused = True
        self.begin_response(refusal.status)
        if not self.is_websocket:
            refusal = refusal.told_to(self.request.header(b"accept"))
        body = refusal.body(self.request.request_id)
        if self.request.method != "HEAD":
            self.bytes_out += len(body)
        return refusal, body

    def seen(self, now: float) -> SeenRequest:
        """As it is told to an operator; `now` is when the request is over, or the time if it is not."""
        request, first = self.request, self.first_byte
        return SeenRequest(
            request_id=request.request_id.decode("latin-1"),
            plugin=self.plugin_id,
            method="WEBSOCKET" if self.is_websocket else request.method,
            path=self.path[:PATH_CHARACTERS].decode("latin-1"),
            client=request.client[0] if request.client else "",
            status=int(self.status),
            began=time.time() - (now - self.started),
            seconds=now - self.started,
            first_byte=None if first is None else first - self.started,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            problem=self.problem or "",
            waits_for=self.waits_for,
        )

    def log(self, now: float) -> None:
        """Write the line; `now` is when the request is over."""
        request = self.request
        method = "WEBSOCKET" if self.is_websocket else request.method
        log_request(
            f"{method} {self.path.decode('latin-1')}",
            status=int(self.status),
            plugin=self.plugin_id,
            client=request.client[0] if request.client else "",
            seconds=((self.first_byte or now) - self.started, now - self.started),
            sizes=(self.bytes_in, self.bytes_out),
            request_id=request.request_id.decode(),
            problem=self.problem,
        )
