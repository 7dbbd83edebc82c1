"""The fast path of a WebSocket: from its frames into a tunnel and back, in the connection's and the tunnel's own turns.
No task, and no ASGI event for a message.

What client, plugin and access log see is the same as by `servehttp.front.websocket`: both ask `Admission` where it goes
and `servehttp.front.websocket_endings` how it ends. The protocol, its pings and what is held of messages are the
connection's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mattermost_plugin.exchange import Accept, Body, Close, Headers, Message, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.headers import InvalidHeader, checked, end_to_end
from mattermost_plugin.sink import Sink, SinkExchange
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import Admission, Rejected
from servehttp.front.endings import CAUSE_STOPPED, NO_PROGRESS, Outcome, cause_of
from servehttp.front.responses import Refusal
from servehttp.front.rules import InvalidResponse, ResponseRules
from servehttp.front.websocket_endings import (
    ABNORMAL,
    NO_ANSWER,
    NO_STATUS,
    PLUGIN_CLOSED,
    SWITCHING_PROTOCOLS,
    check_refusal,
    close_code,
    handshake_ending,
    sendable,
    valid_text,
)
from servehttp.front.websocket_frames import frame_head
from servehttp.request_lines import CLIENT_GONE, STOPPED

JOINED: Final = 16 * 1024
"""Bytes up to which a message is joined with its head, and with others: one write costs more than copying that much."""

NONE: Final[Sequence[SinkExchange]] = ()

Deflate = Callable[[bytes, bool], bytes]
"""Makes a compressed frame of a message."""


class Connection(Protocol):
    """What a WebSocket on the fast path needs of its connection."""

    def write(self, data: bytes) -> None: ...

    def accept(self, subprotocol: str, headers: Headers) -> Deflate | None:
        """Complete the handshake; returns what makes frames of messages, if they are compressed."""
        ...

    def begin_refusal(self, status: int, headers: Headers) -> None:
        """Begin a response in the place of an acceptance."""
        ...

    def continue_refusal(self, data: bytes) -> None:
        """A piece of its body."""
        ...

    def end_refusal(self) -> None:
        """It is complete, and so is the connection."""
        ...

    def hand_over(self) -> None:
        """Give to `DirectWebSocket.receive` what was read, as long as it takes it, and then call `caught_up`; drop it
        if the WebSocket is over. Within itself it does nothing."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close the WebSocket in order."""
        ...

    def break_off(self) -> None:
        """A response cannot be completed, and the client must see that."""
        ...


class DirectWebSocket(Sink):
    """One WebSocket from its handshake to its end.

    Args:
        connection: the client's.
        admission: knows the plugins.
        request: the handshake.

    Attributes:
        blocked: the plugin does not keep up: nothing may be handed over.
        write_paused: the client does not (for the connection to set).
        over: nothing goes either way any more.
    """

    _rules: ResponseRules  # made when the handshake goes out

    def __init__(self, connection: Connection, admission: Admission, request: Request) -> None:
        self.blocked = False
        self.write_paused = False
        self.over = False
        self._connection = connection
        self._admission = admission
        self._request = request
        self._record = RequestRecord(request, request.target.partition(b"?")[0])
        self._exchange: SinkExchange | None = None
        self._refused: Sequence[SinkExchange] = NONE
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self._refusing = False
        self._client_gone = False
        self._stopped = False
        self._farewell: Close | None = None  # the client's
        self._parted = False  # the plugin was told of it
        self._problem: str | None = None  # why this side has reset the exchange
        self._deflate: Deflate | None = None
        self._output: list[bytes] = []

    @property
    def record(self) -> RequestRecord:
        """What is known of it."""
        return self._record

    def begin(self) -> bool:
        """Start it; False where only the ASGI path can serve this handshake."""
        request, admission = self._request, self._admission
        try:
            admitted = admission.admit(request, self._record.path, has_body=False)
            plugin_id = self._record.plugin_id = admitted.plugin_id
            admission.ledger.admit(self._record)
            admission.check_websockets(plugin_id)
            if not admission.identify_at_once(request, admitted.headers, has_body=False):
                return False
            exchange = admission.begin(request, plugin_id, complete=False)
            if exchange is None:
                return False
            self._rules = admission.rules(request, plugin_id)
            self._follow(exchange)
        except Rejected as rejected:
            self._answer(rejected.refusal)
        return True

    def _follow(self, exchange: SinkExchange) -> None:
        self._exchange = exchange
        exchange.subscribe(self)
        self._wait(self._admission.settings.limits_of(self._record.plugin_id).first_byte_timeout, NO_ANSWER)

    def _offer_again(self, problem: str) -> None:
        """The handshake was refused untouched: offer it to the next replica, or a successor, if there is any."""
        assert self._exchange is not None, "it was refused on one"
        self._refused = [*self._refused, self._exchange]
        self._drop()
        request, plugin_id = self._request, self._rules.plugin_id
        try:
            self._follow(self._admission.begin_again(request, plugin_id, self._refused, complete=False))
        except Rejected as rejected:
            self._record.problem = problem
            self._answer(rejected.refusal)

    # For the connection

    def receive(self, messages: list[Message]) -> None:
        """All that is at hand of the client's messages."""
        exchange = self._exchange
        if exchange is None or self._parted:
            return
        size = 0
        for message in messages:
            size += len(message.data)
        self._record.bytes_in += size
        self._record.messages_in += len(messages)
        if exchange.post_all(messages):
            self.blocked = True
            self._record.plugin_waits.begin()

    def client_left(self, code: int, reason: str) -> None:
        """The client has closed with a code, or has gone without (1006 before the handshake was complete)."""
        if self._client_gone or self.over:
            return
        self._client_gone = True
        if self._open and code != ABNORMAL:
            self._farewell = Close(code or NO_STATUS, reason)
            self._connection.hand_over()  # what it sent before goes first
        else:
            self._fail(ResetCode.CANCELLED, CLIENT_GONE)

    def server_stops(self) -> None:
        """The gateway ends, and waits no longer: what ends it from now on is that."""
        self._stopped = True

    def caught_up(self) -> None:
        """Everything that was read is handed over."""
        farewell, exchange = self._farewell, self._exchange
        if farewell is not None and exchange is not None and not self._parted:
            self._parted = True
            exchange.post(farewell)

    def resume(self) -> None:
        """The client reads on."""
        self.write_paused = False
        self._record.client_waits.end()
        if self._exchange is not None:
            self._exchange.return_credit()

    # For the tunnel

    def take(self, part: Part) -> bool:
        """The plugin's next part; False while the client does not keep up."""
        if isinstance(part, Message):  # most of what comes; the tables let it come only when the WebSocket is open
            self._record.bytes_out += len(part.data)
            self._record.messages_out += 1
            if self._client_gone:
                self._fail(ResetCode.CANCELLED, CLIENT_GONE)
            else:
                self._put(part.data, part.text)
            if not self.write_paused:
                return True
            self._record.client_waits.begin()
            return False
        try:
            self._take_other(part)
        except (InvalidHeader, InvalidResponse) as error:
            self._fail(ResetCode.PROTOCOL, str(error))
        return not self.write_paused

    def flush(self) -> None:
        """Write what was gathered."""
        output = self._output
        if not output:
            return
        self._output = []
        if len(output) == 1:  # as nearly always
            self._connection.write(output[0])
            return
        size = 0
        for data in output:
            size += len(data)
        if size <= JOINED:
            self._connection.write(b"".join(output))
        else:
            for data in output:
                self._connection.write(data)

    def written(self) -> None:
        """There is room for more of the client's messages, or the exchange is over."""
        self.blocked = False
        self._record.plugin_waits.end()
        if self._problem is None:
            self._connection.hand_over()

    def ended(self, reset: Reset) -> None:
        """The exchange is over, and the WebSocket with it."""
        if self.over:
            return
        self.flush()  # what came before the end is the client's
        problem = self._problem or str(ExchangeReset.of(reset))
        if self._client_gone:
            self._conclude(None)
        elif not (self._refusing or self._open):
            self._answer_itself(reset, problem)
        else:
            self._record.cut_short = cause_of(reset)
            self._conclude(problem)
            if self._open:
                self._connection.close(close_code(reset), "")
            else:
                self._connection.break_off()

    # The plugin's answer, messages and close

    def _take_other(self, part: Part) -> None:
        if self._open:
            self._close(part)
        elif self._refusing:
            self._refuse_on(part)
        elif isinstance(part, Accept):
            self._accept(part)
        elif isinstance(part, Response):
            self._refuse(part)
        else:
            raise InvalidResponse(f"{type(part).__name__} in answer to a handshake")

    def _accept(self, part: Accept) -> None:
        headers = self._rules.own_cookies(end_to_end(checked(part.headers)))
        self._stop_waiting()
        self._open = True
        self._record.begin_response(SWITCHING_PROTOCOLS)
        self._deflate = self._connection.accept(part.subprotocol, headers)

    def _put(self, data: bytes, text: bool) -> None:
        if text and not data.isascii():
            data = valid_text(data)
        if self._deflate is not None:
            self._output.append(self._deflate(data, text))
        elif len(data) <= JOINED:
            self._output.append(frame_head(text, len(data)) + data)
        else:
            self._output.append(frame_head(text, len(data)))
            self._output.append(data)

    def _close(self, part: Part) -> None:
        if not isinstance(part, Close):
            raise InvalidResponse(f"{type(part).__name__} on a WebSocket that is open")
        exchange, client_gone = self._exchange, self._client_gone
        close = part if client_gone else sendable(part)
        self.flush()
        if exchange is not None and not client_gone:
            if self.blocked:
                self._drop()
                exchange.reset(ResetCode.CANCELLED, PLUGIN_CLOSED)
            else:
                exchange.post(close)
        self._conclude(None)
        if not client_gone:
            self._connection.close(close.code, close.reason)

    # A refusal

    def _refuse(self, response: Response) -> None:
        check_refusal(response)
        headers = self._rules.start(response).headers_for(self._request.request_id)
        self._record.begin_response(response.status)
        self._refusing = True
        self._wait(self._admission.settings.limits_of(self._record.plugin_id).idle_timeout, NO_PROGRESS)
        self._connection.begin_refusal(response.status, headers)

    def _refuse_on(self, part: Part) -> None:
        if isinstance(part, Body):
            self._wait(self._admission.settings.limits_of(self._record.plugin_id).idle_timeout, NO_PROGRESS)
            if self._rules.piece(part.data):
                self._connection.continue_refusal(part.data)
        else:
            self._rules.finish(part)
            self._conclude(None)
            self._connection.end_refusal()

    def _answer_itself(self, reset: Reset, problem: str) -> None:
        end = handshake_ending(reset, self._rules.plugin_id)
        if end.outcome is Outcome.OFFER_AGAIN:
            self._offer_again(problem)
            return
        self._record.problem, self._record.cut_short = problem, end.cause
        assert end.refusal is not None, "a handshake that was not accepted is answered"
        self._answer(end.refusal)

    def _answer(self, refusal: Refusal) -> None:
        """An answer of the gateway's own."""
        refusal, body = self._record.begin_refusal(refusal)
        self._conclude(self._record.problem)
        self._connection.begin_refusal(refusal.status, refusal.head(len(body), self._request.request_id))
        self._connection.continue_refusal(body)
        self._connection.end_refusal()

    # Ends

    def _fail(self, code: ResetCode, problem: str) -> None:
        """End the exchange; `ended` does the rest."""
        if self._exchange is not None:
            self._problem = problem
            self._exchange.reset(code, problem)

    def _drop(self) -> None:
        """Sink and exchange let go of each other."""
        if self._exchange is not None:
            self._exchange.unsubscribe()
            self._exchange = None

    def _conclude(self, problem: str | None) -> None:
        self.over = True
        self._stop_waiting()
        self._drop()
        if self._stopped:
            problem, self._record.cut_short = STOPPED, CAUSE_STOPPED
        self._record.problem = problem
        self._admission.ledger.close(self._record)
        self._connection.hand_over()  # to nobody

    # Time

    def _wait(self, seconds: float, problem: str) -> None:
        """Give the plugin so long for its next part."""
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._fail, ResetCode.TIMEOUT, problem)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
