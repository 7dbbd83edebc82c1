"""How a call ends that has no answer."""

from __future__ import annotations

import grpc

BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class CallFailed(grpc.RpcError):
    """A call ended with a status that is not OK; told as gRPC's own calls tell it.

    Args:
        code: the status.
        details: what is said of it.
    """

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        """The status."""
        return self._code

    def details(self) -> str:
        """What is said of it."""
        return self._details


class CallRefused(Exception):
    """Nothing of the call was begun: it may be made by gRPC."""


def status_of(number: int) -> grpc.StatusCode:
    """The status of a number that a peer sent."""
    return BY_NUMBER.get(number, grpc.StatusCode.UNKNOWN)
