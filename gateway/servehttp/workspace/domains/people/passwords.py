"""Passwords: argon2id, in a few threads of its own, because it takes long on purpose."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.validation import PASSWORD_MAX

Result = TypeVar("Result")

_hasher = PasswordHasher()


class Passwords(Domain):
    """Hashes passwords, so many at a time, while so many may wait: whoever else wants a thread has others."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._threads = ThreadPoolExecutor(resources.settings.password_threads, "passwords")
        self._room = resources.settings.password_threads + resources.settings.password_queue
        self._under_way = 0

    async def hash(self, password: str) -> str:
        """The hash to keep.

        Raises:
            AppFailure: 503, too many wait.
        """
        return await self._work(lambda: _hasher.hash(password))

    async def verify(self, hashed: str, password: str) -> bool:
        """Whether it is the password; an empty hash has none, and takes as long.

        Raises:
            AppFailure: 503, too many wait.
        """
        return await self._work(lambda: _verify(hashed, password))

    async def _work(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= self._room:
            text = "Too many logins at the moment. Try again later."
            raise AppFailure("api.user.login.busy.app_error", text, HTTPStatus.SERVICE_UNAVAILABLE, where="login")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


def check_password(password: str, shortest: int) -> None:
    """Accept a new password.

    Raises:
        AppFailure: 400, it is too short or too long.
    """
    if len(password) < shortest or is_too_long(password):
        raise invalid(
            "model.user.is_valid.pwd.app_error",
            f"A password has at least {shortest} characters, and at most {PASSWORD_MAX} bytes.",
            where="User.IsValid",
            Min=shortest,
        )


def is_too_long(password: str) -> bool:
    """Whether it can be nobody's."""
    return len(password) > PASSWORD_MAX or len(password.encode()) > PASSWORD_MAX


@functools.cache
def _nobodys() -> str:
    """What is compared where there is no account, so that the time tells nobody whether there is one."""
    return _hasher.hash("nobody has this password")


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _nobodys(), password) and bool(hashed)
    except (VerificationError, InvalidHashError):
        return False
