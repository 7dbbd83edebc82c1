"""What the main process and a worker say to each other, as lines of JSON.

The main process sends one `Setup` together with the listening socket and the memory in which workers see how many
connections each has. The worker imports and builds what it needs, then says `Hello`. It is told of the plugins by a
`Report` of each of their replicas, after which it is `Introduced`, and of each change from then on; `Gone` says that
there is a replica no more. It answers each report with `Settled` when it has done what follows: it is connected, or
could not be for now; it has drained; it has hung up. Reports of a replica that come faster than that are not all
answered, but the last one always is. `Serving` says that it takes connections. `Forget` says that a user's sessions
have changed, and is answered with `Forgotten` once the worker remembers nothing of them. `Change` brings other
settings, `Dump` has the worker log what it does. `Count` asks for the worker's figures, which are in its `Counted`, and
`Look` for single requests, which are in its `Seen`. The end of the channel is the end of the worker. There is no
message to stop: that is what SIGTERM says.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias, get_args

from servehttp.errors import GatewayError


@dataclass(frozen=True)
class Setup:
    """All that a worker has to know.

    Attributes:
        settings: every setting, as `Settings` takes them.
        place: which of the workers it is, from 0.
        has_host: whether plugins are part of something that knows who sends requests.
        run: names this run of the gateway.
    """

    settings: dict[str, Any]
    place: int
    has_host: bool = False
    run: str = ""


@dataclass(frozen=True)
class Hello:
    """The worker listens to reports from now on."""


@dataclass(frozen=True)
class Introduced:
    """All that there were when the worker said hello were reported; reports of further ones may come later."""


@dataclass(frozen=True)
class Report:
    """A replica of a plugin as its supervisor sees it.

    Attributes:
        number: rises with each report of this replica.
        target: where it listens, as gRPC names it; None while nobody shall be connected to it.
        about: what an operator wants to know of it, the plugin's id, its own number as `replica` unless it is the only
            one, its state, reason and restarts among it; also the `pid` that leads its session, where it was started
            here.
        generation: how many versions of the plugin there were before.
        folder: the plugin's, if it has one on this machine.
        takes: whether it takes what is new while it runs.
    """

    number: int
    target: str | None
    about: dict[str, Any]
    generation: int = 0
    folder: str | None = None
    takes: bool = True


@dataclass(frozen=True)
class Settled:
    """The worker has done what follows from a report of the replica of this name."""

    replica: str
    number: int


@dataclass(frozen=True)
class Gone:
    """There is a replica no more, of the plugin with this id, by its number, None for the only one, and generation."""

    plugin: str
    replica: int | None
    generation: int = 0


@dataclass(frozen=True)
class Serving:
    """The worker takes connections."""


@dataclass(frozen=True)
class Forget:
    """The sessions or tokens of a user have changed.

    Attributes:
        number: rises with each of these.
        user_id: whose.
    """

    number: int
    user_id: str


@dataclass(frozen=True)
class Forgotten:
    """The worker has forgotten whom the tokens stand for, of this number and all before it."""

    number: int


@dataclass(frozen=True)
class Count:
    """The worker is to tell its figures. The number rises with each of these."""

    number: int


@dataclass(frozen=True)
class Change:
    """The settings have changed.

    Attributes:
        settings: all of them, as `Setup` has them.
    """

    settings: dict[str, Any]


@dataclass(frozen=True)
class Dump:
    """The worker is to log its tasks and what is open in it."""


@dataclass(frozen=True)
class Counted:
    """The worker's figures, as `Figures.to_json` makes them.

    Attributes:
        number: of the last `Count`.
        counted: what has happened since it began.
        present: how it is now.
    """

    number: int
    counted: dict[str, Any]
    present: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """The worker is to tell of its requests.

    Attributes:
        number: rises with each of these.
        most: how many of each kind.
    """

    number: int
    most: int


@dataclass(frozen=True)
class Seen:
    """The worker's requests, with the attributes of `SeenRequest`.

    Attributes:
        number: of the last `Look`.
        open: those that are open.
        slowest: those that waited longest of the last minutes.
    """

    number: int
    open: list[dict[str, Any]]
    slowest: list[dict[str, Any]]


Message: TypeAlias = (
    Setup
    | Hello
    | Report
    | Introduced
    | Settled
    | Gone
    | Serving
    | Forget
    | Forgotten
    | Change
    | Dump
    | Count
    | Counted
    | Look
    | Seen
)

KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}


class MessageError(GatewayError):
    """A line that is none of the messages: the two processes are not of one version."""


def encode(message: Message) -> bytes:
    """The line of a message."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line.

    Raises:
        MessageError: it is none.
    """
    try:
        fields = json.loads(line)
        return KINDS[fields.pop("kind")](**fields)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MessageError(f"not a message of the gateway's processes: {line!r:.200}") from error
