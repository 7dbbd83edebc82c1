"""What both clients know of a call: the rpc, how long it may take, whether to try it again, and how it failed.

A call that ends with UNAVAILABLE is tried again when its rpc is repeatable, four times in all and within its deadline.
gRPC itself sends any call again that surely never left.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from google.protobuf.message import Message

from mattermost_plugin.api.channel import Options, environment_credentials, get_default_target
from mattermost_plugin.exceptions import PluginAPIError, convert_app_error, convert_grpc_error
from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.origin import here, metadata
from mattermost_plugin.runtime_config import api_token
from mattermost_plugin.statuses import CallFailed, Status

if TYPE_CHECKING:  # it takes long to import
    import grpc

DEFAULT_TIMEOUT = 30.0
"""Seconds."""
TRANSFER_TIMEOUT = 300.0
"""Seconds for calls that carry a file."""
MAX_ATTEMPTS = 4
FIRST_PAUSE = 0.1
"""Seconds before the second attempt; each further pause is twice as long, and all vary by half."""


Metadata = tuple[tuple[str, str], ...]


class Response(Protocol):
    """What every response has."""

    @property
    def error(self) -> AppError: ...

    @classmethod
    def FromString(cls, s: bytes) -> Self: ...


RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Response)


@dataclass(frozen=True)
class Rpc(Generic[RequestT, ResponseT]):
    """One rpc of the service PluginAPI."""

    name: str
    request: type[RequestT]
    response: type[ResponseT]
    repeatable: bool = False
    """Doing it twice is doing it once."""
    transfer: bool = False
    """It carries a file."""

    @property
    def path(self) -> str:
        return f"/mattermost.pluginapi.v1.PluginAPI/{self.name}"


TLS = "tls:"
"""What stands before HOST:PORT of an API that is spoken to by TLS."""


@dataclass(frozen=True)
class Endpoint:
    """Where the host's API is, and what every call of it takes along."""

    target: str
    credentials: grpc.ChannelCredentials | None
    options: Options | None
    token: str = field(repr=False)
    timeout: float
    transfer_timeout: float

    @property
    def metadata(self) -> Metadata | None:
        return (("authorization", f"Bearer {self.token}"),) if self.token else None

    def seconds(self, rpc: Rpc[Any, Any], timeout: float | None) -> float:
        """How long a call may take that was given this time-out."""
        if timeout is not None:
            return timeout
        return self.transfer_timeout if rpc.transfer else self.timeout


def find_endpoint(
    target: str | None,
    credentials: grpc.ChannelCredentials | None,
    options: Options | None,
    token: str | None,
    timeout: float,
    transfer_timeout: float,
) -> Endpoint:
    """The endpoint of a client that was made with these arguments.

    The environment's token is only for the environment's target: nobody else gets to see it. A target that begins with
    `tls:` is spoken to by TLS, with the files that the environment names unless there are credentials.

    Raises:
        RuntimeError: no target is given, and the environment has none.
    """
    if target is None:
        target = get_default_target()
        token = api_token() if token is None else token
    if target.startswith(TLS):
        target = target.removeprefix(TLS)
        credentials = credentials or environment_credentials()
    return Endpoint(target, credentials, options, token or "", timeout, transfer_timeout)


class Connection:
    """A channel, blocking or not, and what calls each rpc over it."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self._methods: dict[str, Callable[..., Any]] = {}

    def method(self, rpc: Rpc[Any, Any]) -> Callable[..., Any]:
        """What calls an rpc."""
        found = self._methods.get(rpc.name)
        if found is None:
            found = self._methods[rpc.name] = self.channel.unary_unary(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
        return found


class Attempts:
    """The attempts at one call.

    Args:
        rpc: what is called.
        seconds: how long all attempts and the pauses between them may take; `math.inf` for ever.
    """

    def __init__(self, rpc: Rpc[Any, Any], seconds: float) -> None:
        self._rpc = rpc
        self._deadline = time.monotonic() + seconds
        self._made = 0

    def left(self) -> float | None:
        """Seconds for the next attempt; None for any number."""
        left = self._deadline - time.monotonic()
        return None if left == math.inf else left

    def pause_after(self, error: grpc.RpcError | CallFailed) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            PluginAPIError: there is none; this is how the call failed.
        """
        self._made += 1
        failure = convert_grpc_error(error)
        pause = FIRST_PAUSE * 2.0 ** (self._made - 1) * random.uniform(0.5, 1.5)
        late = time.monotonic() + pause >= self._deadline
        again = self._rpc.repeatable and _is_unavailable(failure) and self._made < MAX_ATTEMPTS
        if late or not again:
            raise failure from error
        return pause


def _is_unavailable(failure: PluginAPIError) -> bool:
    return failure.code is not None and failure.code.name == Status.UNAVAILABLE.name


def with_origin(given: Metadata | None) -> Metadata | None:
    """The metadata of one call: that of all of them, and where the call began."""
    own = metadata(here())
    return (*(given or ()), *own) if own else given


def checked(response: ResponseT) -> ResponseT:
    """The response, if it is none that says how the call failed.

    Raises:
        PluginAPIError: it is.
    """
    if response.error.id:
        raise convert_app_error(response.error)
    return response


def closed_error() -> RuntimeError:
    """What a call of a closed client ends in."""
    return RuntimeError("the API client is closed: call connect() to open it again")
