"""The REST API in this process, over a new workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx2
import pytest

from mattermost_plugin.models import Session, User
from servehttp.workspace.rest import make_rest
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.workspace import Workspace
from support.rest import Client
from support.workspaces import a_user

HOST = "http://workspace.test"


@pytest.fixture
def rest_settings() -> RestSettings:
    return RestSettings()


@pytest.fixture
async def http(ws: Workspace, rest_settings: RestSettings) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=make_rest(ws, rest_settings))
    async with httpx2.AsyncClient(transport=transport, base_url=HOST) as client:
        yield client


@pytest.fixture
async def nobody(http: httpx2.AsyncClient) -> Client:
    """A client that is not logged in."""
    return Client(http, User())


@pytest.fixture
async def ada(ws: Workspace, http: httpx2.AsyncClient) -> Client:
    """An ordinary user, logged in."""
    return await _logged_in(ws, http, "ada")


@pytest.fixture
async def admin(ws: Workspace, http: httpx2.AsyncClient) -> Client:
    """An administrator, logged in."""
    client = await _logged_in(ws, http, "grace")
    await ws.users.set_roles(client.user.id, "system_user system_admin")
    return client


@pytest.fixture
def make_client(ws: Workspace, http: httpx2.AsyncClient) -> Callable[[str], Awaitable[Client]]:
    """Makes further users, logged in."""
    return partial(_logged_in, ws, http)


async def _logged_in(ws: Workspace, http: httpx2.AsyncClient, username: str) -> Client:
    user = await a_user(ws, username)
    session = await ws.sessions.create(Session(user_id=user.id))
    return Client(http, user, session.token)
