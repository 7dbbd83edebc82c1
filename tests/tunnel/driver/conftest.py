"""Whole tunnels leave nothing of gRPC's to the next module's tests."""

from __future__ import annotations

from support.loops import one_module_loop  # noqa: F401  # pytest uses it
