"""One request and its response, as the connection that carries them sees them, whichever path they take."""

from __future__ import annotations

from typing import Protocol


class Cycle(Protocol):
    """What the HTTP protocols need of a request: `DirectCycle` is it on the fast path, `ASGICycle` on the other."""

    @property
    def http_version(self) -> str:
        """That of the request, "1.0" or "1.1"."""
        ...

    @property
    def expects_100(self) -> bool:
        """Whether the request came with `Expect: 100-continue`."""
        ...

    @property
    def awaits_100(self) -> bool:
        """Whether its client still waits to be asked for the body."""
        ...

    @property
    def response_started(self) -> bool:
        """Whether the head of the response was written."""
        ...

    @property
    def response_complete(self) -> bool:
        """Whether all of it was."""
        ...

    @property
    def chunked(self) -> bool:
        """Whether a response that has begun goes out in chunks."""
        ...

    @property
    def progress(self) -> int | None:
        """Changes whenever anything moves; None where the response keeps its own time."""
        ...

    def patience(self) -> float:
        """Seconds without progress after which it has timed out."""
        ...

    def make_last(self) -> None:
        """Have the response, which has not begun, say that the connection ends with it."""
        ...

    def feed(self, data: bytes) -> None:
        """A piece of the request's body; what comes after the response is dropped."""
        ...

    def end_body(self) -> None:
        """All of the request has come."""
        ...

    def resume(self) -> None:
        """The client reads on."""
        ...

    def client_disconnected(self) -> None:
        """The client has gone away."""
        ...

    def time_out(self) -> None:
        """Nothing moved for too long."""
        ...

    def cut(self) -> None:
        """The server ends, and does not wait any longer."""
        ...
