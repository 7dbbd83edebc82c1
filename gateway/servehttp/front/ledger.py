"""What becomes of a request when it is over, whichever path it took: it is counted, and is a line of the access log
where the settings say so.

| family | labels | |
|---|---|---|
| `requests` | plugin, method, class of the status | seconds from the head to the last byte; a distribution |
| `first_byte` | plugin | seconds from the head to the response's first byte; a distribution |
| `websockets` | plugin, class of the status | a counter |
| `refusals` | plugin, status | answers of the gateway's own; a counter |
| `bytes` | plugin, direction | of bodies and of WebSocket messages; a counter |
| `messages` | plugin, direction | of WebSockets; a counter |
| `waits` | plugin, direction | seconds that one side kept what was there for it waiting; a counter |
| `cut_short` | plugin, cause | exchanges that ended in a response or an open WebSocket, or before; a counter |

Labels are few, whoever asks and whatever is asked: a plugin that is not there is none, and what is no method of HTTP is
`_OTHER`.
"""

from __future__ import annotations

import time
from typing import Final

from servehttp.figures import Exemplar, Figures
from servehttp.front.access_log import RequestRecord
from servehttp.front.request_spans import RequestSpans
from servehttp.plugins.host import API_ID
from servehttp.plugins.registry import Registry
from servehttp.requests_seen import Slowest

REQUESTS: Final = "requests"
FIRST_BYTE: Final = "first_byte"
WEBSOCKETS: Final = "websockets"
REFUSALS: Final = "refusals"
BYTES: Final = "bytes"
MESSAGES: Final = "messages"
WAITS: Final = "waits"
CUT_SHORT: Final = "cut_short"

IN: Final = "in"
OUT: Final = "out"

METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"))
"""Those of RFC 9110, RFC 5789 and the draft of QUERY, as OpenTelemetry's conventions have them."""
OTHER: Final = "_OTHER"
CLASSES: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")
NOBODY: Final = ""


class Ledger:
    """Takes what is over.

    Args:
        registry: the plugins.
        lines: whether each request is a line of the access log.
        spans: has a span for each; None where nothing is traced.

    Attributes:
        figures: what was counted.
        lines: whether each request is a line of the access log.
        slowest: the requests of the last minutes that waited longest for their responses.
        spans: as given.
    """

    def __init__(self, registry: Registry, *, lines: bool, spans: RequestSpans | None = None) -> None:
        self.figures = Figures()
        self.slowest = Slowest()
        self.spans = spans
        self._registry = registry
        self.lines = lines
        self._known = {NOBODY}

    def admit(self, record: RequestRecord) -> None:
        """A request goes to a plugin."""
        if self.spans is not None:
            self.spans.begin(record)

    def close(self, record: RequestRecord) -> None:
        """A request is over."""
        now = time.perf_counter()
        if record.plugin_id != API_ID:
            self._count(record, now)
        if self.lines and (record.plugin_id != API_ID or record.refused):  # the API writes its own
            record.log(now)
        if self.spans is not None:
            self.spans.end(record)

    def _count(self, record: RequestRecord, now: float) -> None:
        figures, plugin = self.figures, self._plugin(record.plugin_id)
        status_class = CLASSES[record.status // 100] if record.status < 600 else CLASSES[0]
        if record.is_websocket:
            figures.count(WEBSOCKETS, (plugin, status_class))
        else:
            method = record.method
            labels, seconds = (plugin, method if method in METHODS else OTHER, status_class), now - record.started
            figures.observe(REQUESTS, labels, seconds)
            if record.span is not None and (trace_id := record.span.trace_id):
                figures.exemplify(REQUESTS, labels, Exemplar(trace_id, seconds, time.time()))
            waited = (now if record.first_byte is None else record.first_byte) - record.started
            if waited > self.slowest.floor or now >= self.slowest.until:
                self.slowest.take(record.seen(now), now)
        if record.first_byte is not None:
            figures.observe(FIRST_BYTE, (plugin,), record.first_byte - record.started)
        if record.refused:
            figures.count(REFUSALS, (plugin, str(int(record.status))))
        if record.bytes_in:
            figures.count(BYTES, (plugin, IN), record.bytes_in)
        if record.bytes_out:
            figures.count(BYTES, (plugin, OUT), record.bytes_out)
        if record.messages_in:
            figures.count(MESSAGES, (plugin, IN), record.messages_in)
        if record.messages_out:
            figures.count(MESSAGES, (plugin, OUT), record.messages_out)
        record.plugin_waits.end()
        if record.plugin_waits.seconds:
            figures.count(WAITS, (plugin, IN), record.plugin_waits.seconds)
        record.client_waits.end()
        if record.client_waits.seconds:
            figures.count(WAITS, (plugin, OUT), record.client_waits.seconds)
        if record.cut_short is not None:
            figures.count(CUT_SHORT, (plugin, record.cut_short))

    def _plugin(self, plugin_id: str) -> str:
        """The label of a plugin. What clients make up is no plugin: a label each would fill the memory."""
        if plugin_id in self._known:
            return plugin_id
        if self._registry.get(plugin_id) is None:
            return NOBODY
        self._known.add(plugin_id)
        return plugin_id
