"""The WebSocket: who comes in, what they are told, and what plugins learn of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.models import Reaction, Session, Team, User, WebsocketBroadcast
from servehttp.workspace.events import Event
from servehttp.workspace.rest import make_rest
from servehttp.workspace.settings import RestSettings, WorkspaceSettings
from servehttp.workspace.workspace import Workspace
from support.patience import PATIENCE
from support.rest import served
from support.workspaces import Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio

SECONDS = PATIENCE
"""Longest that a test waits for a message."""


@pytest.fixture
def rest_settings() -> RestSettings:
    return RestSettings(websocket_auth_timeout=1)


@pytest.fixture
async def url(ws: Workspace, rest_settings: RestSettings) -> AsyncIterator[str]:
    async with served(make_rest(ws, rest_settings)) as port:
        yield f"ws://127.0.0.1:{port}/api/v4/websocket"


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


async def a_token(ws: Workspace, user: User) -> str:
    return (await ws.sessions.create(Session(user_id=user.id))).token


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(SECONDS):
        return json.loads(await socket.recv())


async def closed_with(socket: ClientConnection) -> int:
    """The code the server closes with; what it said before is passed over."""
    async with asyncio.timeout(SECONDS):
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


async def say(socket: ClientConnection, action: str, seq: int = 1, **data: object) -> None:
    await socket.send(json.dumps({"seq": seq, "action": action, "data": data}))


@asynccontextmanager
async def connected(ws: Workspace, url: str, user: User) -> AsyncIterator[ClientConnection]:
    """A client of a user that has been greeted, and told of its own status."""
    headers = {"Authorization": f"Bearer {await a_token(ws, user)}"}
    async with connect(url, additional_headers=headers) as socket:
        assert (await receive(socket))["event"] == "hello"
        yield socket


async def test_who_comes_with_a_bearer_token_is_greeted_at_once(ws: Workspace, url: str, ada: User) -> None:
    async with connect(url, additional_headers={"Authorization": f"Bearer {await a_token(ws, ada)}"}) as socket:
        hello = await receive(socket)
    assert (hello["event"], hello["seq"], hello["broadcast"]["user_id"]) == ("hello", 0, ada.id)
    assert len(hello["data"]["connection_id"]) == 26


async def test_a_challenge_is_answered_with_the_token(ws: Workspace, url: str, ada: User) -> None:
    async with connect(url) as socket:
        await say(socket, "ping", 1)
        assert (await receive(socket))["error"]["id"] == "api.web_socket_router.not_authenticated.app_error"
        await say(socket, "authentication_challenge", 2, token=await a_token(ws, ada))
        assert (await receive(socket))["event"] == "hello"
        assert await receive(socket) == {"status": "OK", "seq_reply": 2}


async def test_a_wrong_token_or_none_in_time_ends_the_connection(url: str) -> None:
    async with connect(url) as socket:
        await say(socket, "authentication_challenge", token="guessed")
        assert await closed_with(socket) == 1008
    async with connect(url) as socket:
        assert await closed_with(socket) == 1008


async def test_a_cookie_counts_unless_a_page_of_another_site_sends_it(ws: Workspace, url: str, ada: User) -> None:
    cookie = {"Cookie": f"MMAUTHTOKEN={await a_token(ws, ada)}"}
    async with connect(url, additional_headers=cookie) as socket:
        assert (await receive(socket))["event"] == "hello"
    here = url.replace("ws:", "http:").removesuffix("/api/v4/websocket")
    async with connect(url, additional_headers=cookie, origin=Origin(here)) as socket:
        assert (await receive(socket))["event"] == "hello"
    async with connect(url, additional_headers=cookie, origin=Origin("http://elsewhere.example")) as socket:
        await say(socket, "ping")
        assert (await receive(socket))["error"]["id"] == "api.web_socket_router.not_authenticated.app_error"


async def test_events_come_in_order_and_are_numbered(ws: Workspace, url: str, ada: User) -> None:
    async with connected(ws, url, ada) as socket:
        for number in range(3):
            ws.events.publish(Event("custom_demo_tick", {"number": number}))
        ticks = [await receive(socket) for _ in range(3)]
    assert [(tick["event"], tick["data"]["number"], tick["seq"]) for tick in ticks] == [
        ("custom_demo_tick", number, number + 1) for number in range(3)
    ]


async def test_an_event_reaches_those_it_is_for_and_nobody_else(ws: Workspace, url: str, ada: User) -> None:
    bob = await a_user(ws, "bob")
    team = await ws.teams.create(Team(name="engines", display_name="Engines"), ada.id)
    square = await ws.channels.get_by_name(team.id, "town-square")
    async with connected(ws, url, ada) as hers, connected(ws, url, bob) as his:
        for name, broadcast in (
            ("to_ada", WebsocketBroadcast(user_id=ada.id)),
            ("to_team", WebsocketBroadcast(team_id=team.id)),
            ("to_channel", WebsocketBroadcast(channel_id=square.id)),
            ("without_ada", WebsocketBroadcast(omit_users=[ada.id])),
            ("to_connection", WebsocketBroadcast(connection_id="elsewhere")),
            ("not_to_connection", WebsocketBroadcast(connection_id="elsewhere", omit_connection_id=True)),
            ("end", WebsocketBroadcast()),
        ):
            ws.events.publish(Event(name, {}, broadcast))
        seen = [await names_until_end(socket) for socket in (hers, his)]
    assert seen == [["to_ada", "to_team", "to_channel", "not_to_connection"], ["without_ada", "not_to_connection"]]


async def test_who_leaves_a_channel_or_a_team_hears_no_more_of_it(ws: Workspace, url: str, ada: User) -> None:
    bob = await a_user(ws, "bob")
    team = await ws.teams.create(Team(name="engines", display_name="Engines"), ada.id)
    await ws.team_members.add(team.id, bob.id)
    square = await ws.channels.get_by_name(team.id, "town-square")
    in_channel, in_team = WebsocketBroadcast(channel_id=square.id), WebsocketBroadcast(team_id=team.id)
    async with connected(ws, url, bob) as socket:
        ws.events.publish(Event("before", {}, in_channel))
        assert (await receive(socket))["event"] == "before"
        await ws.team_members.remove(team.id, bob.id)
        for event in (Event("after", {}, in_channel), Event("after", {}, in_team), Event("end")):
            ws.events.publish(event)
        assert "after" not in await names_until_end(socket)


async def names_until_end(socket: ClientConnection) -> list[str]:
    names = []
    while (name := (await receive(socket))["event"]) != "end":
        names.append(name)
    return names


async def test_models_in_events_are_texts_of_json(ws: Workspace, url: str, ada: User) -> None:
    async with connected(ws, url, ada) as socket:
        ws.events.publish(Event("reaction_added", {"reaction": Reaction(emoji_name="tea"), "user": ada}))
        data = (await receive(socket))["data"]
    assert json.loads(data["reaction"])["emoji_name"] == "tea"
    assert data["user"]["username"] == "ada"
    assert "password" not in data["user"]


async def test_a_client_may_ask_and_is_told_when_it_asks_for_what_there_is_not(
    ws: Workspace, url: str, ada: User
) -> None:
    async with connected(ws, url, ada) as socket:
        await say(socket, "ping", 7)
        pong = await receive(socket)
        assert (pong["status"], pong["seq_reply"], pong["data"]["text"]) == ("OK", 7, "pong")
        await say(socket, "get_statuses_by_ids", 8, user_ids=[ada.id])
        assert (await receive(socket))["data"] == {ada.id: "online"}
        await say(socket, "make_tea", 9)
        failure = await receive(socket)
        assert (failure["status"], failure["seq_reply"]) == ("FAIL", 9)
        assert failure["error"]["id"] == "api.web_socket_router.bad_action.app_error"
        await socket.send("no json")
        assert (await receive(socket))["status"] == "FAIL"


async def test_who_types_is_shown_to_the_others_in_the_channel(ws: Workspace, url: str, ada: User) -> None:
    bob = await a_user(ws, "bob")
    team = await ws.teams.create(Team(name="engines", display_name="Engines"), ada.id)
    await ws.team_members.add(team.id, bob.id)
    square = await ws.channels.get_by_name(team.id, "town-square")
    stranger = await a_user(ws, "eve")
    async with connected(ws, url, ada) as hers, connected(ws, url, bob) as his, connected(ws, url, stranger) as theirs:
        await say(theirs, "user_typing", channel_id=square.id)
        assert (await receive(theirs))["status"] == "FAIL"
        await say(hers, "user_typing", channel_id=square.id)
        typing = await receive(his)
    assert (typing["event"], typing["data"]["user_id"]) == ("typing", ada.id)


async def test_a_message_over_the_limit_ends_the_connection(ws: Workspace, url: str, ada: User) -> None:
    async with connected(ws, url, ada) as socket:
        await say(socket, "ping", padding="x" * 9000)
        assert await closed_with(socket) == 1009


async def test_a_session_that_ends_takes_its_connection_along_before_anything_more_is_told(
    ws: Workspace, url: str, ada: User
) -> None:
    async with connected(ws, url, ada) as socket:
        await ws.sessions.revoke_all(ada.id)
        ws.events.publish(Event("secret"))
        with pytest.raises(ConnectionClosed):
            await receive(socket)
        assert socket.close_code == 1008


async def test_a_session_that_expires_takes_its_connection_along(
    ws: Workspace, url: str, ada: User, clock: Clock
) -> None:
    async with connected(ws, url, ada) as socket:
        (session,) = await ws.sessions.of_user(ada.id)
        clock.milliseconds = session.expires_at - 20
        await ws.sessions.extend(session.id, session.expires_at)  # which has the connection look at the clock
        await say(socket, "ping")
        assert (await receive(socket))["data"]["text"] == "pong"
        clock.advance(seconds=1)
        assert await closed_with(socket) == 1008


async def test_a_connection_outlives_the_other_sessions_of_its_user(ws: Workspace, url: str, ada: User) -> None:
    async with connected(ws, url, ada) as socket:
        other = await ws.sessions.create(Session(user_id=ada.id))
        await ws.sessions.revoke(other.id)
        await say(socket, "ping")
        assert (await receive(socket))["data"]["text"] == "pong"


async def test_plugins_hear_of_connections_and_messages_but_of_no_token(ws: Workspace, url: str, ada: User) -> None:
    plugin = FakePlugin(
        {
            "OnWebSocketConnect": pb.OnWebSocketConnectResponse(),
            "OnWebSocketDisconnect": pb.OnWebSocketDisconnectResponse(),
            "WebSocketMessageHasBeenPosted": pb.WebSocketMessageHasBeenPostedResponse(),
        }
    )
    ws.hooks.register("demo", plugin)
    async with connect(url) as socket:
        await say(socket, "authentication_challenge", token=await a_token(ws, ada))
        connection_id = (await receive(socket))["data"]["connection_id"]
        await receive(socket)
        await say(socket, "authentication_challenge", 2, token="again")
        await receive(socket)
        await say(socket, "custom_demo_roll", 3, dice=2)
        await say(socket, "ping", 4)
        assert (await receive(socket))["seq_reply"] == 4
    async with asyncio.timeout(SECONDS):
        while len(plugin.asked) < 4:
            await ws.hooks.settled()
            await asyncio.sleep(0)
    assert [name for name, _ in plugin.asked] == [
        "OnWebSocketConnect",
        "WebSocketMessageHasBeenPosted",
        "WebSocketMessageHasBeenPosted",
        "OnWebSocketDisconnect",
    ]
    assert {asked.web_conn_id for _, asked in plugin.asked} == {connection_id}
    assert {asked.user_id for _, asked in plugin.asked} == {ada.id}
    assert plugin.asked[1][1].request.action == "custom_demo_roll"
    assert plugin.asked[1][1].request.data["dice"] == 2


async def test_a_user_is_online_while_connected_unless_they_have_said_otherwise(
    ws: Workspace, url: str, ada: User
) -> None:
    async with connected(ws, url, ada):
        assert (await ws.statuses.get(ada.id)).status == "online"
        await ws.statuses.set(ada.id, "away")
    async with connected(ws, url, ada):
        assert (await ws.statuses.get(ada.id)).status == "away"


class TestSlow:
    @pytest.fixture
    def settings(self, database_url: str) -> WorkspaceSettings:
        return WorkspaceSettings(database_url=database_url, event_queue=4)

    async def test_a_client_that_does_not_keep_up_is_disconnected(self, ws: Workspace, url: str, ada: User) -> None:
        async with connected(ws, url, ada) as socket:
            for number in range(6):  # at once: nothing is sent in between
                ws.events.publish(Event("tick", {"number": number}))
            assert await closed_with(socket) == 1013


async def test_a_client_that_takes_nothing_does_not_hold_its_connection(ws: Workspace, ada: User) -> None:
    app = make_rest(ws, RestSettings(websocket_send_timeout=0.05))
    messages = iter([{"type": "websocket.connect"}])

    async def receive_nothing_more() -> Any:
        return next(messages, None) or await asyncio.Event().wait()

    async def stuck(message: Any) -> None:
        if message["type"] != "websocket.accept":
            await asyncio.Event().wait()

    bearer = (b"authorization", f"Bearer {await a_token(ws, ada)}".encode())
    scope = {"type": "websocket", "path": "/api/v4/websocket", "query_string": b"", "headers": [bearer]}
    async with asyncio.timeout(SECONDS):
        await app(scope, receive_nothing_more, stuck)
