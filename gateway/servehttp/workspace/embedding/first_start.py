"""The administrator of a new workspace, and a token for whoever administers it.

A token never goes to the log. On a terminal, and where logs are text for people, it is printed once; otherwise standard
error is read by machines and kept, so the token goes into a file that only our user can read.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import structlog

from mattermost_plugin.models import User
from servehttp.logs import resolve_format
from servehttp.workspace.domains.people.user_filters import UserFilter
from servehttp.workspace.embedding.accounts import ADMIN_ROLES, EMAIL_DOMAIN, make_token
from servehttp.workspace.settings import TOKEN_FILE, Settings
from servehttp.workspace.workspace import Workspace

ADMIN = "admin"
SET_PASSWORD = f"servehttp user password {ADMIN}"
"""What sets one: the account is made without any that somebody knows."""

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
        admin = await workspace.users.create(User(username=ADMIN, email=f"{ADMIN}@{EMAIL_DOMAIN}", password=password))
        await workspace.users.set_roles(admin.id, " ".join(ADMIN_ROLES))
        token = await make_token(workspace, ADMIN)
    _hand_out(token, settings)


def _hand_out(token: str, settings: Settings) -> None:
    if resolve_format(settings.log.format, sys.stderr) == "console":
        print(f"A new workspace. Access token of the user {ADMIN!r}, shown only now: {token}", file=sys.stderr)
        if settings.has_console:
            print(f"{ADMIN!r} logs in to the console, /console/, with a password:  {SET_PASSWORD}", file=sys.stderr)
        return
    file = keep_token(token, settings)
    log.info("a new workspace: the administrator's access token is in a file", user=ADMIN, file=str(file))


def keep_token(token: str, settings: Settings) -> Path:
    """Keep a token in the data folder, for our user alone; returns the file.

    Raises:
        OSError: it cannot be written.
    """
    file = settings.data_dir / TOKEN_FILE
    _write_private(file, f"{token}\n")
    return file


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
