"""Whatever a route is sent, it answers: what it does not take it refuses, in words that show nothing of its inside.

Every route is sent by an administrator, whom no permission keeps from what is behind it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattermost_plugin import models
from mattermost_plugin.models import Channel, Team
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.rest.application import ROUTES
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.errors import MESSAGE_MAX
from servehttp.workspace.rest.routes import RestRoute
from servehttp.workspace.workspace import Workspace
from support.plugin_managers import DictManager, Installed
from support.rest import Client
from support.rest_scene import BODIES, QUERIES, filled, names_of, take_in, undone
from support.workspaces import a_user

pytestmark = pytest.mark.anyio

FORMS = {
    ("POST", "/emoji"),
    ("POST", "/files"),
    ("POST", "/plugins"),
    ("POST", "/teams/{team_id}/image"),
    ("POST", "/users/{user_id}/image"),
}
"""Routes that take a form with files."""
JSON_ROUTES = [route for route in ROUTES if (route.method, route.path) in BODIES]
FORM_ROUTES = [route for route in ROUTES if (route.method, route.path) in FORMS]
BAD_BODY = "api.context.invalid_body_param.app_error"
NOT_SERVED = 501
"""What this host does not do, or a setting has switched off; it is the only answer of its kind that is no fault."""
MODELS = "|".join(name for name, kind in vars(models).items() if isinstance(kind, type))
INSIDE = re.compile(rf"Traceback|Error\b|Exception|servehttp|\.py\b|SELECT|INSERT|<class|NoneType|missing ({MODELS})\b")
"""What a message never has, since it means something to the host's makers alone."""


@dataclass(frozen=True)
class Stage:
    """What a test needs to send a route.

    Attributes:
        names: what stands in addresses and bodies.
    """

    ws: Workspace
    admin: Client
    names: dict[str, str]

    async def send(
        self, route: RestRoute, body: str | bytes | None = None, path: str = "", **options: Any
    ) -> httpx2.Response:
        """Send a route its example, or something odd in place of it; returns an answer, which is well-formed."""
        which = (route.method, route.path)
        path = path or route.path + QUERIES.get(which, "")
        text = json.dumps(BODIES.get(which, {})) if body is None else body
        content = filled(text, self.names) if isinstance(text, str) else text
        async with undone(self.ws):
            response = await self.admin(route.method, filled(path, self.names), content=content, **options)
        check(response)
        return response


@pytest.fixture
async def stage(ws: Workspace, admin: Client) -> AsyncIterator[Stage]:
    """A workspace with something of everything, which is as well afterwards as it was before."""
    team = await ws.teams.create(Team(name="lab", display_name="Lab", type="O"))
    channel = await ws.channels.create(Channel(team_id=team.id, name="secret", display_name="Secret", type="P"))
    target = await a_user(ws, "target")
    await take_in(ws, team, channel, target)
    names = await names_of(ws, team, channel, target) | {"caller_id": admin.user.id}
    ws.plugins.manager = DictManager(Installed(names["plugin_id"]))
    tasks = len(asyncio.all_tasks())
    yield Stage(ws, admin, names)
    assert (await admin.ok("GET", f"/channels/{channel.id}"))["name"] == "secret"
    assert len(asyncio.all_tasks()) <= tasks


def check(response: httpx2.Response) -> None:
    """Accept an answer that is no fault of the host's, and an error that is told as the API has it."""
    sent = f"{response.request.method} {response.request.url!s:.200}: {response.request.content[:300]!r}"
    status = response.status_code
    assert status < 500 or status == NOT_SERVED, f"{status} to {sent}"
    if status >= 400:
        error = response.json()
        assert error.keys() == {"id", "message", "detailed_error", "request_id", "status_code"}, sent
        assert error["id"], sent
        assert error["request_id"], sent
        assert (error["status_code"], error["detailed_error"]) == (status, ""), sent
        assert 0 < len(error["message"]) <= MESSAGE_MAX, sent
        assert not INSIDE.search(error["message"]), f"{error['message']} to {sent}"


# JSON

UNREADABLE: list[str | bytes] = [
    "{",
    b'{"a": "\xff"}',
    '{"a": "\\u0000"}',
    '{"\\ud800": 1}',
    '{"a": NaN}',
    '{"a": 1e400}',
    '{"a": ' + "9" * 400 + "}",
    '{"a": -' + "9" * 5000 + "}",
    '{"a": ' + "[" * 70 + "]" * 70 + "}",
    '{"a":' * 100_000,
]
VALUES = [
    "true",
    "-1",
    "1.5",
    str(2**53),
    '""',
    json.dumps("x" * 70_000),
    '"http://["',
    '"a\\r\\nb"',
    '"0001-01-01"',
    '"9999-12-31T23:59:59-14:00"',
    '"😀"',
    "[]",
    '[""]',
    json.dumps(["aa"] * 1000),
    json.dumps(["aa"] * 1001),
    json.dumps({str(number): "x" for number in range(3000)}),
    '{"": {"a": [null]}}',
]
"""What some fields of some models take, and what is made of it goes through all of the host."""
MARK = "\x01"


def places(example: Any) -> Iterator[Any]:
    """The example with a mark in place of one of its values, for each of them."""
    yield MARK
    if isinstance(example, dict):
        for name, value in example.items():
            yield from (example | {name: marked} for marked in places(value))
    elif isinstance(example, list):
        for index, value in enumerate(example):
            yield from ([*example[:index], marked, *example[index + 1 :]] for marked in places(value))


def places_of(route: RestRoute) -> Iterator[Any]:
    return places(BODIES[route.method, route.path])


def replaced(marked: Any, value: str) -> str:
    return json.dumps(marked).replace(json.dumps(MARK), value)


async def test_every_example_is_accepted_and_every_route_that_reads_a_body_has_one(stage: Stage) -> None:
    for route in JSON_ROUTES:
        response = await stage.send(route)
        assert response.status_code < 300, response.text
    others = [route for route in ROUTES if route not in JSON_ROUTES]
    refusing = {(route.method, route.path) for route in others if "body" in (await stage.send(route, "{")).text}
    assert refusing == FORMS - {("POST", "/files")}  # which takes a file as the body itself, too


async def test_what_can_be_read_nowhere_is_refused_by_every_route(stage: Stage) -> None:
    bodies = cycle(UNREADABLE)
    for route in JSON_ROUTES:
        for body in islice(bodies, 3):
            assert (await stage.send(route, body)).status_code == 400, (route, body[:20])
        assert (await stage.send(route, " " * (1024 * 1024 + 1))).status_code == 413, route


async def test_an_odd_value_in_any_place_is_taken_or_refused(stage: Stage) -> None:
    values = cycle(VALUES)
    for route in JSON_ROUTES:
        for marked in places_of(route):
            await stage.send(route, replaced(marked, next(values)))


LATE = [
    (("POST", "/posts"), "props", {"number": 2**53 + 1}),
    (("PUT", "/posts/{post_id}/patch"), "props", {"number": 2**53 + 1}),
    (("POST", "/commands"), "url", "http://["),
    (("PUT", "/users/{user_id}/status/custom"), "expires_at", "9999-12-31T23:59:59-14:00"),
    (("POST", "/users/search"), "role", "x" * 70_000),
    (("POST", "/users/search"), "roles", ["aa"] * 1000),
    (("POST", "/users/search"), "team_roles", ["aa"] * 1000),
]
"""What a field's type allows, and only the wire, a date or a database would stumble over."""


async def test_what_only_the_last_in_line_cannot_take_is_refused_before(stage: Stage) -> None:
    for which, name, value in LATE:
        (route,) = [route for route in JSON_ROUTES if (route.method, route.path) == which]
        response = await stage.send(route, json.dumps(BODIES[which] | {name: value}))
        assert response.status_code == 400, (which, name)
    (users,) = [route for route in ROUTES if (route.method, route.path) == ("GET", "/users")]
    for query in (f"role={'x' * 60_000}", f"roles={'a,' * 5000}", f"in_team={{team_id}}&team_roles={'a,' * 5000}"):
        assert (await stage.send(users, path=f"/users?{query}")).status_code == 400, query[:40]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
JSON_PLACES = st.sampled_from([(route, marked) for route in JSON_ROUTES for marked in places_of(route)])


@given(place=JSON_PLACES, value=JSON_VALUES | st.sampled_from(VALUES).map(json.loads))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_value_in_any_place_is_taken_or_refused(
    place: tuple[RestRoute, Any], value: Any, stage: Stage
) -> None:
    route, marked = place
    await stage.send(route, replaced(marked, json.dumps(value)))


# Addresses

ODD_TEXTS = [
    "",
    "-1",
    "9" * 15,
    "1" + "0" * 30,
    "9" * 5000,
    "abc",
    "²",
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "%zz",
    "%25_",
    "%2e%2e%2f",
    "%0d%0aX:",
    "x" * 20_000,
    "a," * 5000,
    "+" * 2000,
]


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The parameters of queries that handlers have asked for since it was last cleared."""
    asked: dict[str, str] = {}
    ask = RestCall.query

    def query(call: RestCall, name: str, default: str = "") -> str:
        asked[name] = name
        return ask(call, name, default)

    monkeypatch.setattr(RestCall, "query", query)
    return asked


async def test_odd_parameters_of_queries_are_taken_or_refused(stage: Stage, parameters: dict[str, str]) -> None:
    texts, sent = cycle(ODD_TEXTS), 0
    for route in ROUTES:
        parameters.clear()
        await stage.send(route)
        query = dict(parse_qsl(QUERIES.get((route.method, route.path), "")[1:]))
        for name in list(parameters):
            for text in islice(texts, 2):
                odd = "&".join(f"{key}={value}" for key, value in (query | {name: text}).items())
                await stage.send(route, path=f"{route.path}?{odd}")
                sent += 1
    assert sent > 100


async def test_odd_parts_of_paths_are_taken_or_refused(stage: Stage) -> None:
    texts = cycle(text for text in ODD_TEXTS if text)
    for route in ROUTES:
        for part in re.findall(r"{\w+}", route.path):
            text = next(texts)
            response = await stage.send(route, path=route.path.replace(part, text) + "?page=0")
            if part.endswith("_id}"):
                assert response.status_code in (400, 404, 405), (route, part, text)


# Forms

FORM = b"multipart/form-data"
TYPES = [
    b"",
    FORM,
    FORM + b"; boundary=",
    FORM + b'; boundary="',
    FORM + b"; boundary=\xe9",
    FORM + b"; boundary*=nonsense''x",
    FORM + b"; boundary=" + b"x" * 5000,
    FORM + b"; boundary=x; charset=nonsense",
    FORM + b";" * 3000,
    b"text/plain; charset=utf-16",
    b"\xff\xfe",
]
NAMED = b"Content-Disposition: form-data; name=%s; filename=a"
PARTS = [
    (b"", b""),
    (b"Content-Disposition", b""),
    (b"Content-Disposition: form-data", b"x"),
    (b"Content-Disposition: form-data; name=", b"x"),
    (b"Content-Disposition: form-data; name=%s", b"\xff"),
    (b"Content-Disposition: form-data; name=channel_id", b"\0"),
    (b"Content-Disposition: form-data; name=channel_id", b"x" * 5000),
    (b'Content-Disposition: form-data; name=%s; filename="\xff"', b"x"),
    (b'Content-Disposition: form-data; name=%s; filename="\0"', b"x"),
    (b'Content-Disposition: form-data; name=%s; filename="../../a\r\n b"', b"x"),
    (b"Content-Disposition: form-data; name=%s; filename*=nonsense''%%ff", b"x"),
    (NAMED + b"\r\nContent-Length: " + b"9" * 5000, b"x"),
    (NAMED + b"\r\nContent-Type: text/plain; charset=nonsense", b"x"),
    (NAMED, b"\x89PNG\r\n\x1a\n" + b"\xff" * 60),
    (NAMED, b"GIF89a" + b"\xff" * 20),
    (NAMED, b"\x1f\x8b\x08" + b"\0" * 50),
    (NAMED, b"x\r\n--x\r\n" * 100),
]
EMOJI = [b"{", b"null", b'{"name": 7}', b'{"name": "\\ud800"}', b'{"name": "' + b"x" * 70_000 + b'"}']
FIELDS = {"/emoji": b"image", "/files": b"files", "/plugins": b"plugin"}


def form(*parts: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"--x\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + b"--x--\r\n"


async def test_odd_forms_are_taken_or_refused(stage: Stage) -> None:
    for route in FORM_ROUTES:
        field = FIELDS.get(route.path, b"image")
        emoji = (b"Content-Disposition: form-data; name=emoji", b'{"name": "smile"}')
        whole = form(emoji, (NAMED % field, plain_image("x")))
        forms = [form(emoji, (head.replace(b"%s", field), body)) for head, body in PARTS]
        forms += [form((emoji[0], body), (NAMED % field, plain_image("x"))) for body in EMOJI]
        forms += [b"", b"--x", whole[:-9], b"--x\r\n" + b"A" * 100_000, b"--x\r\n" + b"A: b\r\n" * 200 + b"\r\n"]
        for body in forms:
            await stage.send(route, body, headers={b"Content-Type": FORM + b"; boundary=x"})
        for kind in TYPES:
            await stage.send(route, whole, headers={b"Content-Type": kind})


async def test_a_body_that_is_announced_oddly_is_as_long_as_it_is(stage: Stage) -> None:
    (route,) = [route for route in FORM_ROUTES if route.path == "/files"]
    for length in (b"9" * 5000, b"\xb2", b"-1", b""):
        response = await stage.send(route, b"hello", headers={b"Content-Length": length})
        assert response.json()["file_infos"][0]["size"] == 5


async def test_a_message_that_quotes_what_was_sent_has_an_end(stage: Stage) -> None:
    (route,) = [route for route in JSON_ROUTES if route.path == "/users/{user_id}/roles"]
    response = await stage.send(route, json.dumps({"roles": "x" * 70_000}))
    assert response.status_code == 400
    assert len(response.json()["message"]) == MESSAGE_MAX
