"""Passwords and other secrets that a command is given: never on its command line, which others can see."""

from __future__ import annotations

import getpass
import sys

from servehttp.errors import GatewayError

LONGEST = 64 * 1024
"""Characters."""


class NoSecretError(GatewayError):
    """Nothing was given."""


def read_secret(prompt: str, *, twice: bool = False) -> str:
    """A secret: typed without echo where standard input is a terminal, else a line of it.

    Args:
        prompt: what is asked for on a terminal.
        twice: whether it is to be typed once more there.

    Raises:
        NoSecretError: there is none, or the two differ.
    """
    if not sys.stdin.isatty():
        secret = sys.stdin.readline(LONGEST).rstrip("\r\n")
    else:
        secret = getpass.getpass(prompt)
        if twice and getpass.getpass("Once more: ") != secret:
            raise NoSecretError("the two are not the same; nothing was changed")
    if not secret:
        raise NoSecretError("nothing was typed, and no line came on standard input; nothing was changed")
    return secret
