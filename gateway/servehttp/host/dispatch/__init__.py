"""Hooks: who is asked what, in which order, for how long, and what comes of it."""

from __future__ import annotations

from servehttp.host.dispatch.callers import HookCaller, HookFailed
from servehttp.host.dispatch.hooks import Hooks
from servehttp.host.dispatch.verdicts import Refused

__all__ = ["HookCaller", "HookFailed", "Hooks", "Refused"]
