"""Many small requests, by wrk."""

from __future__ import annotations

from collections.abc import Sequence

from harness import sides
from harness.experiments.turns import Outcome, Plan, Run, Start, side_by_side
from harness.sides import ONE, Side
from harness.wrk import BROWSER_HEADERS, COOKIE, POST, VARY, run_wrk

MANY = 64
"""Connections."""
SMALL_BODY = "b" * 100


def usual() -> list[Start]:
    """Uvicorn alone, nginx before it, and the gateway, each with the application of examples/bench."""
    return [("uvicorn", sides.uvicorn(ONE)), ("nginx", sides.nginx(ONE)), ("gateway", sides.gateway(ONE))]


def read_json(side: Side, connections: int, headers: Sequence[str] = (), words: Sequence[str] = ()) -> Run:
    """GET /json, again and again."""
    return lambda seconds: run_wrk(
        side, "/json", connections=connections, seconds=seconds, headers=headers, words=words
    )


def small(plan: Plan) -> Outcome:
    """GET /json over 64 connections; a server that does nothing tells what the machine can do."""
    starts = [
        *usual(),
        ("granian", sides.granian(ONE)),
        ("servehttp", sides.gateway(ONE, "servehttp", name="servehttp")),
        ("pure", sides.pure_gateway(ONE)),
        ("workers", sides.gateway(ONE, name="workers", options=("--workers", "2"))),
        ("ceiling", sides.ceiling()),
    ]
    return side_by_side(plan, starts, lambda side: read_json(side, MANY))


def single(plan: Plan) -> Outcome:
    """GET /json over 1 connection."""
    return side_by_side(plan, usual(), lambda side: read_json(side, 1))


def headers(plan: Plan) -> Outcome:
    """GET /json with what a browser sends, over 64 connections."""
    return side_by_side(plan, usual(), lambda side: read_json(side, MANY, (*BROWSER_HEADERS, COOKIE)))


def varied(plan: Plan) -> Outcome:
    """GET /json over 64 connections, with a query, a cookie and a trace id that no other request has."""
    return side_by_side(plan, usual(), lambda side: read_json(side, MANY, words=(VARY,)))


def posts(plan: Plan) -> Outcome:
    """POST /upload with a small body, over 64 connections."""

    def post(side: Side) -> Run:
        return lambda seconds: run_wrk(side, "/upload", connections=MANY, seconds=seconds, words=(POST, SMALL_BODY))

    return side_by_side(plan, usual(), post)
