"""What a connection tells of what has arrived."""

from __future__ import annotations

from mattermost_plugin.http2.header_blocks import Fields
from mattermost_plugin.http2.streams import Stream


class Event:
    """Something happened on the connection."""

    __slots__ = ()


class StreamEvent(Event):
    """Something happened on a stream.

    Attributes:
        stream: which one.
    """

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class CallReceived(StreamEvent):
    """A client calls (server).

    Attributes:
        path: what is called.
        timeout: seconds for the answer; None for any time.
        fields: metadata, with what gRPC itself has said in it.
    """

    __slots__ = ("fields", "path", "timeout")

    def __init__(self, stream: Stream, path: str, timeout: float | None, fields: Fields) -> None:
        self.stream = stream
        self.path = path
        self.timeout = timeout
        self.fields = fields


class ResponseReceived(StreamEvent):
    """The server takes the call (client).

    Attributes:
        fields: metadata.
    """

    __slots__ = ("fields",)

    def __init__(self, stream: Stream, fields: Fields) -> None:
        self.stream = stream
        self.fields = fields


class MessageReceived(StreamEvent):
    """A message is complete.

    Attributes:
        data: the message.
        credit: what `Connection.consume` is to be told once it was consumed.
    """

    __slots__ = ("credit", "data")

    def __init__(self, stream: Stream, data: bytes, credit: int) -> None:
        self.stream = stream
        self.data = data
        self.credit = credit


class MessagesEnded(StreamEvent):
    """The client sends no more messages (server)."""

    __slots__ = ()


class CallEnded(StreamEvent):
    """The call is over, and the stream with it.

    At the server it comes only where the client has given up, or broke the protocol; what still works on the call says
    so by `Connection.release` when it has ended.

    Attributes:
        status: as one of gRPC's numbers.
        text: what was said of it.
        fields: the trailers' metadata (client).
        untouched: nothing of it was worked on (client).
    """

    __slots__ = ("fields", "status", "text", "untouched")

    def __init__(self, stream: Stream, status: int, text: str, fields: Fields = (), untouched: bool = False) -> None:
        self.stream = stream
        self.status = status
        self.text = text
        self.fields = fields
        self.untouched = untouched


class Settled(Event):
    """The peer's settings have come: it speaks HTTP/2."""

    __slots__ = ()


class Draining(Event):
    """No new calls can be made on this connection; those that are open go on, if it does.

    Attributes:
        text: why.
        orderly: whether that is no error: others can be made on another connection.
    """

    __slots__ = ("orderly", "text")

    def __init__(self, text: str, orderly: bool) -> None:
        self.text = text
        self.orderly = orderly


class PingAnswered(Event):
    """The peer has answered a `ping`.

    Attributes:
        data: what it was sent.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class ConnectionFailed(Event):
    """The peer broke the protocol: nothing more is read, and what is there to be written is the last.

    Attributes:
        code: of RFC 9113 §7.
        text: what was wrong.
    """

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
