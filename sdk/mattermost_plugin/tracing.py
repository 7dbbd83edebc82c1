"""Spans, in a process that traces. In one that does not, nothing is imported for it and nothing is done.

What traces is a `Tracer`; that of OpenTelemetry is in `mattermost_plugin.opentelemetry`.
"""

from __future__ import annotations

import enum
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Final, NamedTuple, Protocol, TypeAlias

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
LONGEST: Final = 512
"""Characters of a `tracestate` that are passed on; the standard asks for no more."""

ENV_TRACING: Final = "MATTERMOST_PLUGIN_TRACING"
"""Set by a host whose plugins are to trace. The reference has none."""

Attribute: TypeAlias = str | int | float | bool


class Context(NamedTuple):
    """A place in a trace, as W3C's headers say it; empty for none.

    Attributes:
        traceparent: the trace and a span in it.
        tracestate: what tracers say to one another.
    """

    traceparent: str = ""
    tracestate: str = ""


NO_CONTEXT: Final = Context()


class Kind(enum.Enum):
    """Which end of a call a span is about."""

    CALLED = enum.auto()
    CALLING = enum.auto()


class Span(Protocol):
    """Something that is going on."""

    @property
    def context(self) -> Context:
        """Its place, for what it causes elsewhere."""
        ...

    @property
    def trace_id(self) -> str:
        """The id of its trace, in hexadecimal digits; empty if the trace is not kept."""
        ...

    def note(self, **attributes: Attribute) -> None:
        """Say more of it; `_` in a name stands for a dot, `__` for itself."""
        ...

    def fail(self, reason: str) -> None:
        """It has failed."""
        ...

    def end(self) -> None:
        """It is over."""
        ...


class Tracer(Protocol):
    """Makes spans."""

    def begin(self, name: str, kind: Kind, parent: Context, age: float) -> Span:
        """A span that began `age` seconds ago and is nobody's surroundings: whoever begins it ends it."""
        ...

    def around(self, name: str, kind: Kind, parent: Context | None) -> AbstractContextManager[Span]:
        """A span of what runs within it; None as its parent is the one that runs here."""
        ...

    def here(self) -> Context:
        """The place of what runs here."""
        ...

    def enter(self, context: Context) -> None:
        """Go on at a place, in this task."""
        ...


class _Nothing:
    """The span of what is not traced."""

    context = NO_CONTEXT
    trace_id = ""

    def note(self, **attributes: Attribute) -> None:
        """Nobody is told."""

    def fail(self, reason: str) -> None:
        """The same."""

    def end(self) -> None:
        """The same."""


NOTHING: Final[Span] = _Nothing()
_NOTHING: Final = nullcontext(NOTHING)

_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Trace in this process from now on, or not any more."""
    global _tracer
    _tracer = tracer


def current() -> Tracer | None:
    """What traces in this process, if anything does."""
    return _tracer


def around(name: str, kind: Kind, parent: Context | None = None) -> AbstractContextManager[Span]:
    """A span of what runs within it, below what runs here or below a `parent` elsewhere."""
    return _NOTHING if _tracer is None else _tracer.around(name, kind, parent)


def here() -> Context:
    """The place of what runs here."""
    return NO_CONTEXT if _tracer is None else _tracer.here()


def enter(context: Context) -> None:
    """Go on at a place, in this task, which is for that alone."""
    if _tracer is not None:
        _tracer.enter(context)


def is_wanted() -> bool:
    """Whether whoever has started this process wants it to trace."""
    return os.environ.get(ENV_TRACING, "") in ("1", "true")
