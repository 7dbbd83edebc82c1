"""How long tests wait for what should happen."""

from __future__ import annotations

PATIENCE = 60.0
"""Seconds: long enough for any machine, so that only what never happens fails. How fast something is has no place in a
test but as a ratio, as an order of events, or as a number of them. pytest's own limit for a test is five times that."""
