"""gRPC's statuses and how a call ends with one, for who does not need its library."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """How a call ended; names and numbers are those of `grpc.StatusCode`."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


def status_of(number: int) -> Status:
    """The status of a number that a peer sent."""
    try:
        return Status(number)
    except ValueError:
        return Status.UNKNOWN


class CallFailed(Exception):
    """A call ended with a status that is not OK.

    Args:
        status: the status.
        details: what is said of it.
    """

    def __init__(self, status: Status, details: str) -> None:
        super().__init__(f"{status.name}: {details}")
        self.status = status
        self.details = details
