"""Accounts of a workspace, as who has its data folder changes them, whether or not a gateway serves it meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mattermost_plugin.models import User, UserAccessToken
from servehttp.errors import AccountError, NoUserError, WorkspaceError
from servehttp.workspace.embedding.opening import explaining
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.workspace import Workspace, open_workspace

USER_ROLES = ("system_user",)
ADMIN_ROLES = ("system_admin", "system_user")
DESCRIPTION = "made by servehttp"
EMAIL_DOMAIN = "localhost.localdomain"
"""Of an address that nobody gave."""


def check_workspace(settings: Settings) -> None:
    """See that there is a workspace with these settings, before somebody is asked for anything.

    Raises:
        WorkspaceError: there is none, or its folder cannot be looked into.
    """
    with explaining(settings):
        _require_workspace(settings)


async def make_token(workspace: Workspace, username: str) -> str:
    """A new access token of a user.

    Raises:
        AppFailure: 404, there is no such user.
    """
    user = await workspace.users.get_by_username(username)
    made = await workspace.access_tokens.create(UserAccessToken(user_id=user.id, description=DESCRIPTION))
    return made.token


async def make_token_of(username: str, settings: Settings) -> str:
    """A new access token of a user, in the workspace of these settings.

    Raises:
        NoUserError: there is no such user.
        WorkspaceError: the workspace cannot be opened.
    """
    async with _opened(settings) as workspace:
        await _find(workspace, username)
        return await make_token(workspace, username)


async def add_user(
    username: str, email: str, password: str, settings: Settings, roles: Sequence[str] = USER_ROLES
) -> User:
    """A new account, in the workspace of these settings.

    Args:
        username: its name.
        email: its address; one that leads nowhere if empty.
        password: what it logs in with.
        settings: whose workspace.
        roles: its system roles.

    Raises:
        AccountError: the name, the address or the password is malformed, or one of the first two is taken.
        WorkspaceError: the workspace cannot be opened.
    """
    wanted = User(username=username, email=email or f"{username}@{EMAIL_DOMAIN}", password=password)
    async with _opened(settings) as workspace:
        account = await workspace.users.prepare(wanted)
        async with workspace.database.transaction():
            made = await workspace.users.add(account)
            return await workspace.users.set_roles(made.id, " ".join(roles))


async def set_password(username: str, password: str, settings: Settings) -> None:
    """Give a user another password, which also opens a locked account; all their logins end.

    Raises:
        NoUserError: there is no such user.
        AccountError: the password is malformed.
        WorkspaceError: the workspace cannot be opened.
    """
    async with _opened(settings) as workspace:
        user = await _find(workspace, username)
        await workspace.users.set_password(user.id, password)
        await workspace.sessions.revoke_all(user.id)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Workspace]:
    """The workspace of these settings, which a gateway may have open as well; refusals become errors of the command."""
    with explaining(settings):
        _require_workspace(settings)
        async with open_workspace(settings.data_dir, settings.workspace) as workspace:
            try:
                yield workspace
            except AppFailure as failure:
                raise AccountError(failure.message) from None


async def _find(workspace: Workspace, username: str) -> User:
    try:
        return await workspace.users.get_by_username(username)
    except AppFailure:
        raise NoUserError(username) from None


def _require_workspace(settings: Settings) -> None:
    """Refuse to make one where none is: whoever names a user has named the wrong folder then, or none."""
    folder = settings.data_dir
    if folder.is_file():  # as who would make it there is told
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    if not (settings.workspace.database_url or (folder / DATABASE_FILE).exists()):
        raise WorkspaceError(f"there is no workspace in {folder}: name the gateway's data folder with --data-dir")
