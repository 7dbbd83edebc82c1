"""One request, as its handler sees it: who asks, with which parameters and body, and what they may do."""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.requests import Request

from mattermost_plugin.models import Channel, Post, Session
from servehttp.workspace.domains.people.permissions import ADMINISTRATOR
from servehttp.workspace.domains.places.member_roles import is_guest
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.ids import is_id
from servehttp.workspace.rest.auth import authenticate, no_session
from servehttp.workspace.rest.errors import too_large
from servehttp.workspace.rest.json import NUL, from_json, parse_json, value_of
from servehttp.workspace.settings import RestSettings
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

ModelT = TypeVar("ModelT")

PER_PAGE = 60
PER_PAGE_MAX = 200
DIGITS_END = 16
"""Digits of a number that is too large for what is counted here."""
OK = {"status": "OK"}
"""What an operation answers that has nothing to show."""


class RestCall:
    """A request to the REST API.

    Attributes:
        workspace: the workspace.
        request: the request itself.
        settings: limits.
    """

    def __init__(self, workspace: Workspace, settings: RestSettings, request: Request, session: Session | None) -> None:
        self.workspace = workspace
        self.settings = settings
        self.request = request
        self._session = session
        self._channel: Channel | None = None
        self._post: Post | None = None

    # Who asks

    @property
    def logged_in(self) -> bool:
        """Whether anybody is known to ask; always, but for the few routes that are open to all."""
        return self._session is not None

    @property
    def session(self) -> Session:
        """The session.

        Raises:
            AppFailure: 401, there is none.
        """
        if self._session is None:
            raise no_session()
        return self._session

    @property
    def user_id(self) -> str:
        """Who asks.

        Raises:
            AppFailure: 401, nobody is logged in.
        """
        return self.session.user_id

    @property
    def address(self) -> str:
        """The client's address."""
        return self.request.client.host if self.request.client else ""

    # What they may do

    async def may(self, permission: str) -> bool:
        """Whether who asks has a permission everywhere."""
        return self.logged_in and await self.workspace.permissions.has(self.user_id, permission)

    async def still_may(self, permission: str) -> bool:
        """Whether who asked is still logged in, and has a permission everywhere; for answers that last."""
        try:
            session = await authenticate(self.workspace, self.request)
            return await self.workspace.permissions.has(session.user_id, permission)
        except (AppFailure, StoreUnavailable):
            return False

    async def require(self, permission: str) -> None:
        """Go on only with a permission that holds everywhere.

        Raises:
            AppFailure: 403.
        """
        if not await self.may(permission):
            raise self.workspace.permissions.denied(permission)

    async def require_in_team(self, team_id: str, permission: str) -> None:
        """Go on only with a permission in a team.

        Raises:
            AppFailure: 403.
        """
        if not await self.workspace.permissions.has_in_team(self.user_id, team_id, permission):
            raise self.workspace.permissions.denied(permission)

    async def require_in_channel(self, channel_id: str, permission: str) -> None:
        """Go on only with a permission in a channel.

        Raises:
            AppFailure: 403.
        """
        if not await self.workspace.permissions.has_in_channel(self.user_id, channel_id, permission):
            raise self.workspace.permissions.denied(permission)

    async def require_self(self, user_id: str, permission: str = "edit_other_users") -> None:
        """Go on only for who asks themselves, or with a permission.

        Raises:
            AppFailure: 403.
        """
        if user_id != self.user_id:
            await self.require(permission)

    async def require_account(self, user_id: str, permission: str = "edit_other_users") -> None:
        """Go on only for one's own account, or with a permission; for an administrator's only as an administrator.

        Raises:
            AppFailure: 403.
        """
        await self.require_self(user_id, permission)
        if user_id != self.user_id:
            await self.require_no_administrator(user_id)

    async def require_no_administrator(self, user_id: str) -> None:
        """Go on only if a user is no administrator, or who asks is one.

        Raises:
            AppFailure: 403.
        """
        if await self.workspace.permissions.is_administrator(user_id):
            await self.require(ADMINISTRATOR)

    async def is_guest(self) -> bool:
        """Whether who asks sees only what they were added to."""
        return is_guest(await self.workspace.users.get(self.user_id))

    async def require_seeing(self, *user_ids: str) -> None:
        """Go on only if who asks may know of these users.

        Raises:
            AppFailure: 403.
        """
        await self.workspace.visible_users.check(self.user_id, user_ids)

    # What the address names

    async def channel(self) -> Channel:
        """The channel that the address names, or that the post is in which it names.

        Raises:
            AppFailure: 404; 400, the id is none.
        """
        if self._channel is None:
            by_post = "post_id" in self.request.path_params
            channel_id = (await self.post()).channel_id if by_post else self.path("channel_id")
            self._channel = await self.workspace.channels.get(channel_id)
        return self._channel

    async def post(self) -> Post:
        """The post that the address names.

        Raises:
            AppFailure: 404; 400, the id is none.
        """
        if self._post is None:
            self._post = await self.workspace.posts.get(self.path("post_id"))
        return self._post

    # Parameters

    def path(self, name: str) -> str:
        """A part of the path; "me" stands for who asks where a user is meant.

        Raises:
            AppFailure: 400, an id is meant and this is none, or it has a NUL in it.
        """
        value: str = self.request.path_params[name]
        if NUL in value:
            raise _bad_parameter(name)
        if name == "user_id" and value == "me":
            return self.user_id
        if name.endswith("_id") and name != "plugin_id" and not is_id(value):
            raise _bad_parameter(name)
        return value

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query.

        Raises:
            AppFailure: 400, it has a NUL in it.
        """
        value = self.request.query_params.get(name, default)
        if NUL in value:
            raise _bad_parameter(name)
        return value

    def flag(self, name: str) -> bool:
        """Whether a parameter of the query says "true"."""
        return self.query(name) in ("true", "1")

    def number(self, name: str, default: int = 0) -> int:
        """A number in the query, not negative; the default where it is missing or none."""
        return _whole(self.query(name), default)

    @property
    def page(self) -> int:
        """Which page is asked for, from 0."""
        return self.number("page")

    @property
    def per_page(self) -> int:
        """How much of it; never more than 200."""
        return min(self.number("per_page", PER_PAGE), PER_PAGE_MAX)

    # The body

    @property
    def content_length(self) -> int:
        """How many bytes of it the head announces; 0 where it does not say."""
        return _whole(self.request.headers.get("Content-Length", ""), 0)

    async def body(self, limit: int) -> bytes:
        """All of it.

        Raises:
            AppFailure: 413, it is larger than the limit.
        """
        body = bytearray()
        async for piece in self.request.stream():
            body += piece
            if len(body) > limit:
                raise too_large(limit)
        return bytes(body)

    async def json(self) -> Any:
        """The body as JSON; an empty one is an empty object.

        Raises:
            AppFailure: 400, it is no JSON; 413, it is too large.
        """
        body = await self.body(self.settings.body_size)
        return parse_json(body) if body else {}

    async def object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            AppFailure: 400, it is none; 413.
        """
        found: dict[str, Any] = await self.typed(dict[str, Any])
        return found

    async def model(self, kind: type[ModelT]) -> ModelT:
        """The body as a model.

        Raises:
            AppFailure: 400, it is none; 413.
        """
        return from_json(kind, await self.json())

    async def typed(self, hint: Any, name: str = "body") -> Any:
        """The body as a type hint wants it, such as `list[str]`.

        Raises:
            AppFailure: 400, it is something else; 413.
        """
        return value_of(hint, await self.json(), name)


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS_END else default


def _bad_parameter(name: str) -> AppFailure:
    text = f"Invalid or missing {name} parameter in the address."
    return invalid("api.context.invalid_url_param.app_error", text, Name=name)
