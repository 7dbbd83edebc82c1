"""How an exchange that ended before its time is raised."""

from __future__ import annotations

from mattermost_plugin.exchange import Reset, ResetCode

STOPPING = "the stream has no end, and the server stops"


class ExchangeReset(OSError):
    """The exchange is over: the peer reset it, or the connection to the peer was lost.

    An `OSError` because the ASGI specification wants one from `send` after a disconnect.
    """

    def __init__(self, code: ResetCode, reason: str = "") -> None:
        super().__init__(f"{code.name.lower()}: {reason}" if reason else code.name.lower())
        self.code = code
        self.reason = reason

    @classmethod
    def of(cls, reset: Reset) -> ExchangeReset:
        """The exception for a reset; a new one each time, because a raised one keeps the frames it passed alive."""
        return cls(reset.code, reset.reason)


MAX_ORIGINS = 1000
"""Exceptions that are looked at for one. Their graph is the application's: it may be deep, and it may be a circle."""


def caused_by_disconnect(error: BaseException) -> bool:
    """Whether an exception is, comes from, or (a group) is made only of the disconnect that `send` reported."""
    pending = [error]
    for _ in range(MAX_ORIGINS):
        if not pending:
            return True
        error = pending.pop()
        if isinstance(error, ExchangeReset):
            continue
        if isinstance(error, BaseExceptionGroup):
            pending += error.exceptions
        elif (origin := error.__cause__ or error.__context__) is not None:
            pending.append(origin)
        else:
            return False
    return False
