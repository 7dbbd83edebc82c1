"""Hooks: who is asked what, in which order, for how long, and what comes of it."""

from __future__ import annotations

from servehttp.workspace.hooks.callers import HookCaller, HookFailed
from servehttp.workspace.hooks.hooks import Hooks
from servehttp.workspace.hooks.verdicts import Refused

__all__ = ["HookCaller", "HookFailed", "Hooks", "Refused"]
