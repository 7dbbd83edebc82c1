"""How a call ends that was not begun."""

from __future__ import annotations


class CallRefused(Exception):
    """Nothing of the call was begun: it may be made by gRPC."""
