"""Users of this machine that plugins run as, where the gateway is root and the administrator wants it so."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from servehttp.plugins import user_process
from servehttp.plugins.runner import RunnerError


@dataclass(frozen=True)
class User:
    """A user, as the machine's list of users has it."""

    name: str
    uid: int
    gid: int
    home: str

    @classmethod
    def named(cls, name: str) -> User:
        """Look a user up.

        Raises:
            RunnerError: there is none of this name, or we are not root, and so cannot become it.
        """
        if os.geteuid() != 0:
            raise RunnerError(
                f"plugins.users has {name!r} for it, and only a gateway that runs as root can have other users",
                permanent=True,
            )
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            raise RunnerError(
                f"plugins.users has {name!r} for it, and this machine has no such user", permanent=True
            ) from None
        return cls(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)

    def command(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """What runs a program as this user; its process is the program's in the end."""
        own = (sys.executable, "-I", "-S", user_process.__file__)
        return (*own, str(self.uid), str(self.gid), self.name, *arguments)

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """An environment in which this user is the one who runs it."""
        return {**inherited, "HOME": self.home, "USER": self.name, "LOGNAME": self.name}

    def own(self, folder: Path) -> None:
        """Give the user a folder with all that is in it; before the user runs anything that could replace it."""
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid, follow_symlinks=False)
