"""What becomes of a request whose exchange ends before its response is complete: one table, which both paths ask.

| the exchange ended | before the response | after it began |
|---|---|---|
| because the client went away | nothing | nothing |
| because the gateway stops, and its time to drain is over | 503 | broken off |
| because the body is larger than allowed | 413 | broken off |
| TIMEOUT | 504 | broken off |
| REFUSED, and nothing of the body was sent | offered to the next replica, or again; without one 503 | broken off |
| PROTOCOL, FLOW_CONTROL | 502: the response was invalid | broken off |
| in any other way | 502: the plugin failed | broken off |
"""

from __future__ import annotations

import enum
from typing import Final

from mattermost_plugin.exchange import Reset, ResetCode
from servehttp.front import responses
from servehttp.front.responses import Refusal
from servehttp.request_lines import CLIENT_GONE, STOPPED

CAUSE_STOPPED: Final = "stopped"
NO_PROGRESS: Final = "no progress within the time-out"
TOO_LARGE: Final = "the request body is too large"


class Refused(Exception):
    """The plugin took nothing of the request, so it may be offered again; the text is why."""


class Outcome(enum.Enum):
    """What is done."""

    NOTHING = enum.auto()
    ANSWER = enum.auto()
    OFFER_AGAIN = enum.auto()
    BREAK_OFF = enum.auto()


class Ending:
    """How one request ends.

    Attributes:
        outcome: what is done.
        cause: one of few, by which endings are counted: a code's name in lower case, or "client_gone", "stopped" or
            "too_large".
        problem: what the access log says.
        refusal: the answer, for `Outcome.ANSWER`.
    """

    __slots__ = ("cause", "outcome", "problem", "refusal")

    def __init__(self, outcome: Outcome, cause: str, problem: str, refusal: Refusal | None = None) -> None:
        self.outcome = outcome
        self.cause = cause
        self.problem = problem
        self.refusal = refusal


def ending(
    reset: Reset,
    plugin_id: str,
    *,
    started: bool,
    body_begun: bool,
    client_gone: bool = False,
    stopped: bool = False,
    exceeded: int | None = None,
) -> Ending:
    """What the table says.

    Args:
        reset: how the exchange ended; one that the gateway reset itself, with the code and reason that it gave.
        plugin_id: whose exchange it was.
        started: whether the response has begun.
        body_begun: whether a byte of the request's body went to the plugin.
        client_gone: whether the client has gone.
        stopped: whether the gateway stops, and waits no longer.
        exceeded: the limit in bytes that the request's body exceeded, if it did.
    """
    if client_gone:
        return Ending(Outcome.NOTHING, "client_gone", CLIENT_GONE)
    cause = CAUSE_STOPPED if stopped else "too_large" if exceeded is not None else cause_of(reset)
    problem = STOPPED if stopped else TOO_LARGE if exceeded is not None else reset.reason or reset.code.name.lower()
    if started:
        return Ending(Outcome.BREAK_OFF, cause, problem)
    if stopped:
        return Ending(Outcome.ANSWER, cause, problem, responses.unavailable(plugin_id, "the gateway is stopping"))
    if exceeded is not None:
        return Ending(Outcome.ANSWER, cause, problem, responses.body_too_large(plugin_id, exceeded))
    if reset.code is ResetCode.REFUSED and not body_begun:
        return Ending(Outcome.OFFER_AGAIN, cause, problem)
    return Ending(Outcome.ANSWER, cause, problem, _refusal(reset.code, plugin_id))


def cause_of(reset: Reset) -> str:
    """By what an ending is counted that nothing but a reset brought about."""
    return reset.code.name.lower()


def _refusal(code: ResetCode, plugin_id: str) -> Refusal:
    if code is ResetCode.TIMEOUT:
        return responses.gateway_timeout(plugin_id)
    if code is ResetCode.PROTOCOL or code is ResetCode.FLOW_CONTROL:
        return responses.bad_gateway(plugin_id, "the plugin's response was invalid")
    return responses.bad_gateway(plugin_id, "the plugin failed before it answered")
