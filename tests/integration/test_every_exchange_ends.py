"""Real processes: whatever clients and applications do at once, every exchange ends as it should, and leaves nothing.

Clients and applications are driven step by step by a state machine. `TEST_PROGRAMS` sets how many programs are tried.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from interop.gateway_process import Gateway, gateway
from support.patience import PATIENCE
from support.raw_client import RawClient, Shown
from support.scripts import Script, scripts

SCRIPTED = Path(__file__).parent / "plugins" / "scripted"
BASE = "/plugins/com.example.scripted"
PROGRAMS = int(os.environ.get("TEST_PROGRAMS", "6"))

COMES_BACK = {
    "SERVEHTTP_PLUGINS__RESTART_DELAY": "0",
    "SERVEHTTP_PLUGINS__RESTART_DELAY_MAX": "0.1",
    "SERVEHTTP_PLUGINS__RESTART_LIMIT": "1000000",
    "SERVEHTTP_LOG__ACCESS": "false",
}
FAILURE = b"Internal Server Error"
NAMES = count(1)
"""No two exchanges of a module have the same, so that no body passes for another's."""


@dataclass
class Asked:
    """A request, as far as it was sent.

    Attributes:
        body_left: bytes of its body that are to come; None where it is chunked, and its end is to come.
        cut: it was given up before it was whole.
    """

    script: Script
    method: str
    version: str
    body_left: int | None
    chunked: bool
    name: str = field(default_factory=lambda: str(next(NAMES)))
    cut: bool = False

    @property
    def whole(self) -> bool:
        return self.body_left == 0

    def head(self) -> bytes:
        framing = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        if self.body_left:
            framing = f"Content-Length: {self.body_left}\r\n"
        target = f"{BASE}/perform?{self.name}&{self.script.query}"
        return f"{self.method} {target} HTTP/{self.version}\r\nHost: test\r\n{framing}\r\n".encode()

    def piece(self, size: int) -> bytes:
        """The next so many bytes of the body, or fewer."""
        if self.chunked:
            return b"%x\r\n%b\r\n" % (size, bytes(size)) if size else b""
        assert self.body_left is not None
        size = min(size, self.body_left)
        self.body_left -= size
        return bytes(size)

    def end(self) -> bytes:
        """The rest of the body."""
        left, self.body_left = self.body_left, 0
        return b"0\r\n\r\n" if left is None else bytes(left)


@dataclass
class Visit:
    """A client's connection, and what was asked on it."""

    client: RawClient
    asked: list[Asked] = field(default_factory=list)
    half_closed: bool = False
    left: bool = False

    def ask(self, asked: Asked) -> None:
        self.asked.append(asked)
        self.client.send(asked.head())

    @property
    def whole(self) -> bool:
        """Everything that was begun was sent."""
        return not self.half_closed and self.asked[-1].whole

    def half_close(self) -> None:
        self.half_closed = True
        self.asked[-1].cut = not self.asked[-1].whole
        self.client.half_close()

    def leave(self, *, orderly: bool) -> None:
        self.left = True
        silent = any(asked.script.listens and not self.can_be_probed(asked) for asked in self.asked)
        self.client.read()
        self.client.leave(orderly=orderly and not silent)

    def can_be_probed(self, asked: Asked) -> bool:
        """Whether its gateway can find out that a client has gone which only seems to have stopped sending.

        One that did stop before has been asked already, and is not asked again.
        """
        return not self.half_closed and (asked.version, asked.method != "HEAD", asked.script.listens_silently) == (
            "1.1",
            True,
            False,
        )

    def check(self, disturbed: bool) -> None:
        """Compare all that was shown with what was performed."""
        over = self.left
        for asked, shown in zip(self.asked, self.client.shown([asked.method for asked in self.asked]), strict=True):
            judge(asked, shown, lost=over or asked.cut, disturbed=disturbed)
            over = over or asked.script.may_fail or not shown.complete or shown.closes or asked.version == "1.0"


def judge(asked: Asked, shown: Shown, *, lost: bool, disturbed: bool) -> None:
    """Whether a response is one that an application's script allows.

    Args:
        lost: the client need not get it: it has left, or a response before it was the last one.
        disturbed: the plugin may have died.
    """
    script, what = asked.script, (asked, shown.status, shown.body[:200], len(shown.body), shown.complete)
    ends_early = script.limited or asked.cut
    if shown.status is None:
        assert lost, what
    elif shown.status == 200:
        sent = content_of(asked)
        assert sent.startswith(shown.body), what
        if shown.complete:
            assert script.completes or script.fills_length or asked.method == "HEAD", what
            assert len(shown.body) == (0 if asked.method == "HEAD" else script.shown_size), what
        else:
            assert lost or disturbed or ends_early or not script.completes, what
    elif shown.status == 500:
        assert (not script.starts and script.end != "cancel") or ends_early, what
        assert lost or disturbed or shown.body == (b"" if asked.method == "HEAD" else FAILURE), what
    elif shown.status == 502:
        assert disturbed or script.end == "cancel", what
    else:
        assert shown.status in (404, 503), what
        assert disturbed, what


def content_of(asked: Asked) -> bytes:
    """All that its application sends."""
    unit = f"{asked.name}.".encode()
    return (unit * (asked.script.size // len(unit) + 1))[: asked.script.size]


class Exchanges(RuleBasedStateMachine):
    """Clients and applications, a step at a time."""

    visits = Bundle("visits")

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.open: list[Visit] = []
        self.all: list[Visit] = []
        self.disturbed = False
        self.pid = self.state()["pid"]

    # The plugin

    def fetch(self, target: str) -> Any:
        """What is answered, as JSON; None while the plugin is not there."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", target)
            response = connection.getresponse()
            body = response.read()
        except (HTTPException, ConnectionError):
            assert self.disturbed
            return None
        finally:
            connection.close()
        assert response.status == 200 or self.disturbed, (response.status, body)
        return json.loads(body) if response.status == 200 else None

    def state(self) -> Any:
        return self.fetch(f"{BASE}/state")

    def until(self, met: Callable[[], bool]) -> bool:
        """Whether something comes true in time."""
        until = time.monotonic() + PATIENCE
        while not (reached := met()) and time.monotonic() < until:
            time.sleep(0.005)
        return reached

    # Rules

    @initialize(mortal=st.sampled_from([False] * 7 + [True]))
    def begin(self, mortal: bool) -> None:
        self.mortal = mortal

    @rule(
        target=visits,
        script=scripts(),
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        version=st.sampled_from(["1.1", "1.1", "1.0"]),
    )
    def get(self, script: Script, method: str, version: str) -> Visit:
        return self.visit(Asked(script, method, version, 0, False))

    @rule(
        target=visits,
        script=scripts(),
        length=st.sampled_from([1, 3000, 3_000_000]),
        version=st.sampled_from(["1.1", "1.1", "1.0"]),
    )
    def post(self, script: Script, length: int, version: str) -> Visit:
        return self.visit(Asked(script, "POST", version, length, False))

    @rule(target=visits, script=scripts())
    def post_chunked(self, script: Script) -> Visit:
        return self.visit(Asked(script, "POST", "1.1", None, True))

    def visit(self, asked: Asked) -> Visit:
        visit = Visit(RawClient(self.port))
        visit.ask(asked)
        self.open.append(visit)
        self.all.append(visit)
        return visit

    @rule(visit=visits, script=scripts(), length=st.sampled_from([0, 3000]))
    def pipeline(self, visit: Visit, script: Script, length: int) -> None:
        if visit.whole and not visit.left and visit.asked[-1].version == "1.1":
            visit.ask(Asked(script, "POST" if length else "GET", "1.1", length, False))

    @rule(visit=visits, size=st.sampled_from([1, 3000, 70_000, 1_500_000]))
    def send(self, visit: Visit, size: int) -> None:
        if not (visit.left or visit.half_closed or visit.asked[-1].whole):
            visit.client.send(visit.asked[-1].piece(size))

    @rule(visit=visits)
    def end_body(self, visit: Visit) -> None:
        if not (visit.left or visit.half_closed or visit.asked[-1].whole):
            visit.client.send(visit.asked[-1].end())

    @rule(visit=visits)
    def read(self, visit: Visit) -> None:
        if not visit.left:
            visit.client.push()
            visit.client.read()

    @rule(visit=visits)
    def half_close(self, visit: Visit) -> None:
        if not (visit.left or visit.half_closed or visit.client.unsent):
            visit.half_close()

    @rule(visit=consumes(visits), orderly=st.booleans())
    def leave(self, visit: Visit, orderly: bool) -> None:
        visit.leave(orderly=orderly)
        self.open.remove(visit)

    @rule(visit=visits, number=st.integers(0, 1))
    def release(self, visit: Visit, number: int) -> None:
        self.fetch(f"{BASE}/open?{visit.asked[number % len(visit.asked)].name}")

    @rule()
    def let_all_come_through(self) -> None:
        self.state()

    @precondition(lambda self: self.mortal and not self.disturbed)
    @rule(number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def end_plugin(self, number: signal.Signals) -> None:
        self.disturbed = True
        os.kill(self.pid, number)

    # The end

    def teardown(self) -> None:
        assert self.until(self.is_back), "the plugin stays away"
        for visit in self.all:
            for asked in visit.asked:
                self.fetch(f"{BASE}/open?{asked.name}")
        for visit in self.open:
            self.finish(visit)
        for visit in self.all:
            visit.check(self.disturbed)
        self.disturbed = False
        state: dict[str, Any] = {}
        assert self.until(lambda: self.is_quiet(state)), (state, self.described(state["live"]))

    def described(self, names: list[str]) -> list[Visit]:
        """The visits with exchanges of these names."""
        return [visit for visit in self.all if any(asked.name in names for asked in visit.asked)]

    def is_back(self) -> bool:
        state = self.state()
        return state is not None and (not self.disturbed or state["pid"] != self.pid)

    def finish(self, visit: Visit) -> None:
        """Read what is to come, and leave."""
        if any(asked.script.listens and not asked.cut for asked in visit.asked):
            visit.leave(orderly=True)
            return
        to_close = visit.half_closed
        if not to_close and not visit.asked[-1].whole:
            visit.client.send(visit.asked[-1].end())
        visit.client.read_to_end([asked.method for asked in visit.asked], to_close=to_close)
        visit.client.leave(orderly=True)

    def is_quiet(self, seen: dict[str, Any]) -> bool:
        """Whether nothing is left of what was asked."""
        seen.update(self.state())
        [plugin] = self.fetch("/readyz?verbose")["plugins"]
        seen["in_flight"] = plugin["in_flight"]
        return (seen["live"], seen["requests"], seen["in_flight"]) == ([], 1, 0)


@pytest.fixture(scope="module", params=["tunnel-httptools", "servehttp-h11", "servehttp-httptools"])
def serving(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    transport, parser = request.param.split("-")
    with gateway(SCRIPTED, "--transport", transport, "--http", parser, environment=COMES_BACK) as running:
        yield running


def test_a_response_ends_whose_application_gave_up_a_send(serving: Gateway) -> None:
    scene = Exchanges(serving.port)
    for _ in range(10):
        asked = Asked(Script((), ("piece=0", "piece=1500000"), "", limited=True), "GET", "1.1", 0, False)
        scene.fetch(f"{BASE}/open?{asked.name}")
        visit = scene.visit(asked)
        visit.client.read_to_end(["GET"], to_close=True)
    scene.teardown()


@pytest.mark.timeout(60 + 10 * PROGRAMS)
def test_every_exchange_ends_once_and_leaves_nothing(serving: Gateway) -> None:
    port = serving.port
    run_state_machine_as_test(
        lambda: Exchanges(port),  # type: ignore[arg-type]  # whatever makes a machine will do
        settings=settings(
            max_examples=PROGRAMS,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            phases=[Phase.generate],  # each attempt to shrink would wait for what does not end
        ),
    )
