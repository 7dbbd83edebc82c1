"""The administrator of a new workspace, and tokens for whoever administers it.

A token never goes to the log. On a terminal, and where logs are text for people, it is printed once; otherwise standard
error is read by machines and kept, so the token goes into a file that only our user can read.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import structlog

from mattermost_plugin.models import User, UserAccessToken
from servehttp.errors import NoUserError, WorkspaceError
from servehttp.logs import resolve_format
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.embedding.opening import explaining
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.workspace import Workspace, open_workspace

ADMIN = "admin"
ADMIN_EMAIL = "admin@localhost.localdomain"
ADMIN_ROLES = "system_admin system_user"
DESCRIPTION = "made by servehttp"
TOKEN_FILE = "admin-token"

log = structlog.get_logger("servehttp.workspace")


async def make_first_admin(workspace: Workspace, settings: Settings) -> None:
    """Make an administrator if nobody has an account yet, and hand out an access token of theirs.

    Raises:
        OSError: the token's file cannot be written.
    """
    # One transaction, so that a kill leaves no half of it; there are no plugins yet that could wait for its lock.
    async with workspace.database.transaction():
        if await workspace.users.count(UserFilter()):
            return
        # Nobody knows the password: who has the token can set another one.
        password = secrets.token_urlsafe(32)
        admin = await workspace.users.create(User(username=ADMIN, email=ADMIN_EMAIL, password=password))
        await workspace.users.set_roles(admin.id, ADMIN_ROLES)
        token = await make_token(workspace, ADMIN)
    _hand_out(token, settings)


async def make_token(workspace: Workspace, username: str) -> str:
    """A new access token of a user.

    Raises:
        AppFailure: 404, there is no such user.
    """
    user = await workspace.users.get_by_username(username)
    made = await workspace.access_tokens.create(UserAccessToken(user_id=user.id, description=DESCRIPTION))
    return made.token


async def make_token_of(username: str, settings: Settings) -> str:
    """A new access token of a user, in the workspace of these settings, which a gateway may have open.

    Raises:
        NoUserError: there is no such user.
        WorkspaceError: the workspace cannot be opened.
    """
    with explaining(settings):
        _require_workspace(settings)
        async with open_workspace(settings.data_dir, settings.workspace) as workspace:
            try:
                return await make_token(workspace, username)
            except AppFailure:
                raise NoUserError(username) from None


def _require_workspace(settings: Settings) -> None:
    """Refuse to make one where none is: whoever asks for a token has named the wrong folder then, or none."""
    folder = settings.data_dir
    if not (settings.workspace.database_url or (folder / DATABASE_FILE).exists() or folder.is_file()):
        raise WorkspaceError(f"there is no workspace in {folder}: name the gateway's data folder with --data-dir")


def _hand_out(token: str, settings: Settings) -> None:
    if resolve_format(settings.log.format, sys.stderr) == "console":
        print(f"A new workspace. Access token of the user {ADMIN!r}, shown only now: {token}", file=sys.stderr)
        return
    file = settings.data_dir / TOKEN_FILE
    _write_private(file, f"{token}\n")
    log.info("a new workspace: the administrator's access token is in a file", user=ADMIN, file=str(file))


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
