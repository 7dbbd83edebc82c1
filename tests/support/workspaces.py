"""Workspaces for tests: over SQLite, and over PostgreSQL where TEST_DATABASE_URL or `--postgres` gives a server."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from mattermost_plugin.models import Channel, Post, Team, User
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace

SERVER = os.environ.get("TEST_DATABASE_URL", "")
DATABASES = ("sqlite", "postgresql") if SERVER else ("sqlite",)

PASSWORD = "correct horse battery"


class Clock:
    """A clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.milliseconds = 1_700_000_000_000

    def __call__(self) -> int:
        return self.milliseconds

    def advance(self, *, seconds: float) -> None:
        self.milliseconds += int(seconds * 1000)


@asynccontextmanager
async def empty_database(kind: str) -> AsyncIterator[str]:
    """The URL of a database without a table; empty for SQLite in the data folder."""
    if kind == "sqlite":
        yield ""
        return
    schema = f"test_{secrets.token_hex(8)}"
    url = make_url(SERVER).set(drivername="postgresql+psycopg")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        options = {"options": f"-csearch_path={schema}"}
        yield url.update_query_dict(options).render_as_string(hide_password=False)
    finally:
        async with engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        await engine.dispose()


async def a_user(workspace: Workspace, username: str = "ada", password: str = PASSWORD) -> User:
    """A user who is there already."""
    return await workspace.users.create(User(username=username, email=f"{username}@example.com", password=password))


async def a_channel(workspace: Workspace, *members: User, name: str = "news") -> Channel:
    """A public channel in the team `lab`, with these members."""
    teams = [team for team in await workspace.teams.all() if team.name == "lab"]
    team = teams[0] if teams else await workspace.teams.create(Team(name="lab", display_name="Lab", type="O"))
    channel = await workspace.channels.create(Channel(team_id=team.id, name=name, display_name=name.title(), type="O"))
    for member in members:
        await workspace.team_members.add(team.id, member.id)
        await workspace.channel_members.add(channel.id, member.id)
    return channel


async def a_post(workspace: Workspace, channel: Channel, author: User, message: str = "hello", **more: Any) -> Post:
    """A post that is there already."""
    return await workspace.posts.create(Post(channel_id=channel.id, user_id=author.id, message=message, **more))


async def refusal(action: Awaitable[object]) -> tuple[str, int]:
    """The id and the status with which something is refused."""
    with pytest.raises(AppFailure) as refused:
        await action
    return refused.value.id, refused.value.status


@dataclass
class FakePlugin:
    """A plugin in this process: answers hooks with functions, and keeps what it was asked.

    An answer is a response, or a function of the request that returns one or raises; it may be async. What it was asked
    is each hook's name with its request.
    """

    answers: dict[str, object] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def implemented(self) -> frozenset[str]:
        return frozenset(self.answers)

    async def call(self, name: str, request: Message, timeout: float) -> Message:
        self.asked.append((name, request))
        answer = self.answers[name]
        result = answer(request) if callable(answer) else answer
        if hasattr(result, "__await__"):
            result = await result
        assert isinstance(result, Message)
        return result
