"""What a request, a call or a hook needs that is not I/O: each operation can be timed, and its instructions counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from harness.cores import BODY, END, REQUEST, RESPONSE, Cores, as_it_is, hold, request, send_piece

from benchmarks.api_stand_in import USER
from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.asgi.http import HTTPCycle
from mattermost_plugin.asgi.scope import connection_scope
from mattermost_plugin.exchange import Part, ResetCode
from mattermost_plugin.grpc.user_pb2 import User as UserMessage
from mattermost_plugin.hooks import find_handlers
from mattermost_plugin.models import Post, User
from mattermost_plugin.tunnel.decoding import decode
from mattermost_plugin.tunnel.encoding import encode
from mattermost_plugin.tunnel.parts import Addressed
from mattermost_plugin.types import Receive, Scope, Send

Operation = Callable[[], object]

USER_ID = "ay5sk1j3dp8ejxm1zq8s1e7o5c"
POST = Post(
    id="8wd6t3zb1fgixkp1xp3k5iwjzy",
    create_at=1_730_000_000_000,
    update_at=1_730_000_000_000,
    user_id=USER_ID,
    channel_id="d1h3wz7n9pbm8rqjc5ixt6fs4a",
    message="The build is **green** again: see [the log](https://ci.example.com/builds/1234).",
    props={"from_bot": "true", "attachments": [{"color": "#2f6fde", "title": "Build 1234", "text": "42 s"}]},
    hashtags="#build",
)


def core_request() -> Operation:
    """A request and its answer through both cores."""
    cores = Cores()
    return lambda: request(cores, as_it_is)


def core_piece() -> Operation:
    """A small piece of body through both cores."""
    cores = Cores()
    id = hold(cores, as_it_is)
    return lambda: send_piece(cores, id, BODY, as_it_is)


REQUEST_MESSAGE: Sequence[Addressed] = [(1, REQUEST), (1, END)]
RESPONSE_MESSAGE: Sequence[Addressed] = [(1, RESPONSE), (1, BODY), (1, END)]


def decoding(message: bytes) -> Operation:
    """The parts of a message."""
    return lambda: decode(message)


STOPPING = asyncio.Event()
"""Never set."""


class Answered:
    """A plugin's end of an exchange that never waits: the request is complete, and nobody looks at the response."""

    request = REQUEST
    stopping = STOPPING

    def end_receive_at_stop(self) -> None: ...

    async def receive(self) -> Part:
        return END

    async def send(self, *parts: Part) -> None: ...

    def reset(self, code: ResetCode, reason: str = "") -> None: ...


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, answers."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": RESPONSE.headers})
    await send({"type": "http.response.body", "body": BODY.data})


def http_cycle() -> Operation:
    """An application served for one exchange."""
    scope = connection_scope(REQUEST, {}, STOPPING)
    return lambda: finish(HTTPCycle(Answered()).run(application, scope))


def finish(coroutine: Coroutine[Any, Any, object]) -> None:
    """Run to its end what never waits, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("it waited for something")


class Handling(Plugin):
    """Two hooks, marked in both ways."""

    @hook
    async def OnActivate(self) -> None: ...

    @hook(HookName.OnConfigurationChange)
    def configure(self) -> None: ...


def user_message() -> UserMessage:
    """The stand-in's user with an id."""
    message = UserMessage()
    message.CopyFrom(USER)
    message.id = USER_ID
    return message


def from_user() -> Operation:
    """A user's message to its model."""
    message = user_message()
    return lambda: User.from_proto(message)


def from_post() -> Operation:
    """A post's message to its model."""
    message = POST.to_proto()
    return lambda: Post.from_proto(message)


OPERATIONS: Mapping[str, Callable[[], Operation]] = {
    "core: request": core_request,
    "core: piece of body": core_piece,
    "encode: request": lambda: lambda: encode(REQUEST_MESSAGE),
    "decode: request": lambda: decoding(encode(REQUEST_MESSAGE)),
    "encode: response": lambda: lambda: encode(RESPONSE_MESSAGE),
    "decode: response": lambda: decoding(encode(RESPONSE_MESSAGE)),
    "ASGI: scope": lambda: lambda: connection_scope(REQUEST, {}, STOPPING),
    "ASGI: HTTP cycle": http_cycle,
    "model: User from proto": from_user,
    "model: User to proto": lambda: User.from_proto(user_message()).to_proto,
    "model: Post from proto": from_post,
    "model: Post to proto": lambda: POST.to_proto,
    "hook: find handlers": lambda: lambda: find_handlers(Handling),
}
"""Each entry makes an operation, with what it needs ready."""
