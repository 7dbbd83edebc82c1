"""Large bodies, and small requests beside them."""

from __future__ import annotations

from collections.abc import Mapping

from harness import bulk, sides
from harness.experiments.requests import read_json, usual
from harness.experiments.turns import Outcome, Plan, Run, side_by_side, take_turns
from harness.sides import ONE, Side

FEW = 8
"""Connections."""
BULK = 256 * 2**20
NEIGHBOUR = 2**30
"""Bytes."""


def transfer(plan: Plan) -> Outcome:
    """256 MiB down, then up, over one connection each."""

    def both_ways(side: Side) -> Run:
        return lambda _seconds: {
            "download": BULK / bulk.download(side.port, side.path("/bytes"), BULK) / 1e6,
            "upload": BULK / bulk.upload(side.port, side.path("/upload"), BULK) / 1e6,
        }

    return side_by_side(plan, usual(), both_ways)


def neighbours(plan: Plan) -> Outcome:
    """GET /json over 8 connections of one gateway, alone and beside large bodies both ways, again and again."""
    with sides.gateway(ONE) as side:
        quiet = read_json(side, FEW)

        def busy(seconds: int) -> Mapping[str, float]:
            with bulk.repeated("download", side.port, side.path("/bytes"), NEIGHBOUR), bulk.repeated(
                "upload", side.port, side.path("/upload"), NEIGHBOUR
            ):  # fmt: skip
                return quiet(seconds)

        return Outcome(take_turns(plan, {"quiet": quiet, "busy": busy}))
