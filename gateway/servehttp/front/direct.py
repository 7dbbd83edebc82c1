"""The fast path: from the HTTP parser into a tunnel and back, in the parser's and the tunnel's own turns. No task, no
ASGI events, no timer for each request.

What the client sees is the same as by `servehttp.front.http`: both ask `Admission` where it goes and
`servehttp.front.endings` how it ends, and follow `ResponseRules`. Keep-alive, pipelining, time and shutdown are the
connection's, for which a `DirectCycle` is a `Cycle` like others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

import structlog

from mattermost_plugin.exchange import Body, Informational, Part, Request, Reset, ResetCode, Response
from mattermost_plugin.headers import InvalidHeader
from mattermost_plugin.sink import Sink, SinkExchange
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import END, Admission, Admitted, Rejected
from servehttp.front.endings import NO_PROGRESS, TOO_LARGE, Outcome, ending
from servehttp.front.headers import field_lines, status_line
from servehttp.front.responses import NOTHING_HERE, Refusal
from servehttp.front.rules import InvalidResponse, ResponseRules
from servehttp.request_lines import CLIENT_GONE, STOPPED

logger = structlog.get_logger("servehttp.front")

JOINED: Final = 16 * 1024
"""Bytes up to which pieces of output are joined: one write costs more than copying that much."""


CHUNKED: Final = b"transfer-encoding: chunked\r\n"
LAST: Final = b"connection: close\r\n\r\n"
"""Ends the head of a response after which the connection is closed."""

NONE: Final[Sequence[SinkExchange]] = ()


class Connection(Protocol):
    """What a cycle needs of the connection that it answers on."""

    def write(self, data: bytes) -> None: ...

    @property
    def write_paused(self) -> bool:
        """The client does not keep up."""
        ...

    def pause_body(self) -> None:
        """Read no more of the request for now."""
        ...

    def resume_body(self) -> None:
        """Read on."""
        ...

    def complete(self, keep_alive: bool) -> None:
        """The response was written."""
        ...

    def break_off(self) -> None:
        """The response cannot be completed, and the client must see that."""
        ...


class DirectCycle(Sink):
    """One request and its response; a `Cycle`.

    Args:
        connection: where the answer goes.
        admission: knows the plugins.
        request: what is asked.
        keep_alive: whether the connection may be used again.
        has_body: whether a body follows: `feed` takes its pieces, `end_body` its end.
        like: what was found of a request that this one differs from only in its target, if there was one.

    Attributes:
        request: what is asked, as it goes to the plugin once it has begun.
        admitted: what was found of it, or of the one that it is like; None unless that goes to a plugin.
        progress: changes whenever anything moved.
    """

    # No other requests take this path, so that it is not for each of them to say.
    http_version: ClassVar[str] = "1.1"
    expects_100: ClassVar[bool] = False
    awaits_100: ClassVar[bool] = False
    _rules: ResponseRules  # made when the request goes out

    def __init__(
        self,
        connection: Connection,
        admission: Admission,
        request: Request,
        keep_alive: bool,
        has_body: bool,
        like: Admitted | None = None,
    ) -> None:
        self.admitted = like
        self.keep_alive = keep_alive
        self.has_body = has_body
        self.response_started = False
        self.response_complete = False
        self.progress = 0
        self.request = request
        self._connection = connection
        self._admission = admission
        self._record = RequestRecord(request, request.target.partition(b"?")[0])
        self._exchange: SinkExchange | None = None
        self._refused: Sequence[SinkExchange] = NONE
        self._disconnected = False
        self._stopped = False
        self._output: list[bytes] = []  # in pieces: to join them once copies less than to add each
        self._body_due = has_body
        self._exceeded: int | None = None

    @property
    def record(self) -> RequestRecord:
        """What is known of it."""
        return self._record

    @property
    def chunked(self) -> bool:
        """Whether a response that has begun goes out in chunks."""
        return self._rules.chunked

    def begin(self) -> bool:
        """Start it; False where only the ASGI path can serve this request."""
        try:
            admitted = self._admit()
            if self._admission.is_public(self.request, self._record.path):
                return False
            headers, has_body = admitted.headers, self.has_body
            if not self._admission.identify_at_once(self.request, headers, has_body=has_body):
                return False
            exchange = self._admission.begin(self.request, admitted.plugin_id, complete=not has_body)
            if exchange is None:
                return False
            self._rules = self._admission.rules(self.request, admitted.plugin_id)
            if self._admission.settings.server_timing:
                self._record.hand_over()
            self._follow(exchange)
        except Rejected as rejected:
            if rejected.refusal is NOTHING_HERE:  # where the list of plugins may be
                return False
            self._answer(rejected.refusal)
        return True

    def _admit(self) -> Admitted:
        admitted = self.admitted
        if admitted is None:
            admitted = self._admission.admit(self.request, self._record.path, has_body=self.has_body)
            self.admitted = admitted
        else:
            self._admission.admit_alike(self.request, self._record.path, admitted)
        self._record.plugin_id = admitted.plugin_id
        self._admission.ledger.admit(self._record)
        return admitted

    def _follow(self, exchange: SinkExchange) -> None:
        self._exchange = exchange
        exchange.subscribe(self)

    def _offer_again(self, plugin_id: str, problem: str) -> None:
        """The request was refused untouched: offer it to the next replica, or a successor, if there is any."""
        assert self._exchange is not None, "it was refused on one"
        self._refused = [*self._refused, self._exchange]
        complete = not self._body_due
        try:
            self._follow(self._admission.begin_again(self.request, plugin_id, self._refused, complete=complete))
        except Rejected as rejected:
            self._record.problem = problem
            self._answer(rejected.refusal)

    # For the connection

    def feed(self, data: bytes) -> None:
        """A piece of the request's body; what comes after the response is dropped."""
        exchange = self._exchange
        if exchange is None:
            return
        self.progress += 1
        self._record.bytes_in += len(data)
        limits = self._admission.settings.limits_of(self._record.plugin_id)
        if limits.exceeded_by(self._record.bytes_in):
            self._exceeded = limits.max_body_size
            self._reset(ResetCode.CANCELLED, TOO_LARGE)
        elif exchange.post(Body(data)):
            self._record.plugin_waits.begin()
            self._connection.pause_body()

    def end_body(self) -> None:
        """All of the request has come."""
        if not self._body_due:
            return
        self._body_due = False
        self.progress += 1
        if self._exchange is not None:
            self._exchange.post(END)

    def patience(self) -> float:
        """Seconds without progress after which it has timed out."""
        limits = self._admission.settings.limits_of(self._record.plugin_id)
        return limits.idle_timeout if self.response_started else limits.first_byte_timeout

    def make_last(self) -> None:
        """Have the response, which has not begun, say that the connection ends with it."""
        self.keep_alive = False

    def client_disconnected(self) -> None:
        """The client has gone away."""
        self._disconnected = True
        self._reset(ResetCode.CANCELLED, CLIENT_GONE)

    def resume(self) -> None:
        """The client reads on."""
        self.progress += 1
        self._record.client_waits.end()
        if self._exchange is not None:
            self._exchange.return_credit()

    def time_out(self) -> None:
        """Nothing moved for too long."""
        self._reset(ResetCode.TIMEOUT, NO_PROGRESS)

    def cut(self) -> None:
        """The server ends, and does not wait any longer."""
        self.keep_alive = False
        self._stopped = True
        self._reset(ResetCode.CANCELLED, STOPPED)

    # For the tunnel

    def take(self, part: Part) -> bool:
        """The plugin's next part; False while the client does not keep up."""
        self.progress += 1
        try:
            if isinstance(part, Body):  # first, because it is most of what comes
                self._piece(part.data)
                if not self._connection.write_paused:
                    return True
                self._record.client_waits.begin()
                return False
            if isinstance(part, Response):
                self._start(part)
            elif not isinstance(part, Informational):
                self._finish(part)
        except (InvalidHeader, InvalidResponse) as error:
            self._reset(ResetCode.PROTOCOL, str(error))
        return True

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._output or self._disconnected:
            return
        output, self._output = self._output, []
        size = 0
        for data in output:  # compiled, a loop is faster than `sum` over a generator
            size += len(data)
        if size <= JOINED:
            self._connection.write(b"".join(output))
        else:
            for data in output:
                self._connection.write(data)

    def written(self) -> None:
        """There is room for more of the request's body."""
        self.progress += 1
        self._record.plugin_waits.end()
        if self._exchange is not None:
            self._connection.resume_body()

    def ended(self, reset: Reset) -> None:
        """The exchange is over; unless the response is complete, too early."""
        if self.response_complete:
            return
        self.flush()  # what came before the end is the client's
        plugin_id = self._rules.plugin_id
        end = ending(
            reset,
            plugin_id,
            started=self.response_started,
            body_begun=self._record.bytes_in > 0,
            client_gone=self._disconnected,
            stopped=self._stopped,
            exceeded=self._exceeded,
        )
        if end.outcome is Outcome.OFFER_AGAIN:
            self._offer_again(plugin_id, end.problem)
            return
        self._record.cut_short = end.cause
        if end.refusal is not None:
            self._record.problem = end.problem
            self._answer(end.refusal)
        elif end.outcome is Outcome.BREAK_OFF:
            self._break_off(end.problem)
        else:
            self._conclude(end.problem)

    # The response

    def _start(self, response: Response) -> None:
        lines = self._rules.start(response).lines_for(self.request.request_id)  # with the status
        if self._record.handed_over is not None:
            lines += b"server-timing: %b\r\n" % self._record.server_timing()
        self._record.begin_response(response.status)
        self._head(lines + CHUNKED if self._rules.chunked else lines)

    def _head(self, lines: bytes) -> None:
        """Begin the response; `lines` are its status line and its headers."""
        self.response_started = True
        self._output.append(lines)
        self._output.append(b"\r\n" if self.keep_alive else LAST)

    def _piece(self, data: bytes) -> None:
        if not self._rules.piece(data):
            return
        self._record.bytes_out += len(data)
        if self._rules.chunked:
            self._output += [b"%x\r\n" % len(data), data, b"\r\n"]
        else:
            self._output.append(data)

    def _finish(self, part: Part) -> None:
        self._rules.finish(part)
        if self._rules.chunked:
            self._output.append(b"0\r\n\r\n")
        self._complete()

    def _answer(self, refusal: Refusal) -> None:
        """An answer of the gateway's own."""
        refusal, body = self._record.begin_refusal(refusal)
        fields = refusal.head(len(body), self.request.request_id)
        if refusal.last:
            self.keep_alive = False
        self._head(status_line(refusal.status) + field_lines(fields))
        if self.request.method != "HEAD":
            self._output.append(body)
        self._complete()

    def _complete(self) -> None:
        self.flush()
        self._conclude(self._record.problem)
        self._connection.complete(self.keep_alive)

    def _break_off(self, problem: str) -> None:
        self._connection.break_off()
        self._conclude(problem)

    def _conclude(self, problem: str | None) -> None:
        if self._exchange is not None:
            self._exchange.unsubscribe()  # or the two would hold each other until the collector comes
            if self._body_due:  # otherwise it has ended in order, and a reset would be one more frame
                self._exchange.reset(ResetCode.NO_ERROR, "the response is complete")
            self._exchange = None
        self.response_complete = not self._disconnected  # nothing can follow on a connection whose client has gone
        if self.has_body and self.response_complete:  # to drop the rest of it, behind which the next request is
            self._connection.resume_body()
        self._record.problem = problem
        self._admission.ledger.close(self._record)

    def _reset(self, code: ResetCode, reason: str) -> None:
        if self._exchange is not None:
            self._exchange.reset(code, reason)
