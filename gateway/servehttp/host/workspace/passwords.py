"""Passwords: argon2id, in threads, because it takes long on purpose."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from servehttp.host.errors import invalid
from servehttp.host.validation import PASSWORD_MAX

_hasher = PasswordHasher()
_UNKNOWN = _hasher.hash("nobody has this password")
"""What is compared where there is no account, so that the time tells nobody whether there is one."""


async def hash_password(password: str) -> str:
    """The hash to keep."""
    return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(hashed: str, password: str) -> bool:
    """Whether it is the password; an empty hash has none, and takes as long."""
    return await asyncio.to_thread(_verify, hashed, password)


def check_password(password: str, shortest: int) -> None:
    """Accept a new password.

    Raises:
        AppFailure: 400, it is too short or too long.
    """
    if len(password) < shortest or len(password.encode()) > PASSWORD_MAX:
        raise invalid(
            "model.user.is_valid.pwd.app_error",
            f"A password has at least {shortest} characters, and at most {PASSWORD_MAX} bytes.",
            where="User.IsValid",
            Min=shortest,
        )


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _UNKNOWN, password) and bool(hashed)
    except (VerificationError, InvalidHashError):
        return False
