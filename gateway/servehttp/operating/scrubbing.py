"""Texts without what looks like a secret: of known secrets nothing is left, and of others what their names betray."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from servehttp.settings.shown import MASK

SHORTEST: Final = 6
"""Characters that a known secret has at least: shorter ones would be found in any text."""
NAMES: Final = (
    r"password|passwd|passphrase|secret|token|ticket|credential|api[_-]?key|private[_-]?key|session[_-]?id|cookie"
)
PLAIN: Final = re.compile(r"-?[0-9.]+|true|false|null|none", re.IGNORECASE)
"""What no secret looks like, and JSON has without quotation marks."""
WORD: Final = r"[\w.-]{0,100}+"
"""The rest of a name. Everything here is bounded, or looked at once: what is scrubbed may be anything, and long."""

_NAME: Final = re.compile(NAMES, re.IGNORECASE)
_NAMED: Final = re.compile(rf"""((?:{NAMES}){WORD}\\?["']?\s*+[:=]\s*+\\?["']?)([^\s"',;&}}\\]+)""", re.IGNORECASE)
_QUOTED: Final = re.compile(
    rf"""((?:{NAMES}){WORD}\\?["']\s*+:\s*+(\\?["']))(?:(?!\2)(?:\\.|[^\\\n"]))++""", re.IGNORECASE
)
_SCHEME: Final = re.compile(r"\b(bearer|basic|token)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
_URL: Final = re.compile(r"(://[^\s:/@\"']*+):[^\s@\"']{1,1000}@")


class Scrubber:
    """Takes secrets out of texts.

    Args:
        known: secrets as they are.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = sorted({secret for secret in known if len(secret) >= SHORTEST}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """The text with a mask in the place of each."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _URL.sub(rf"\1:{MASK}@", text)
        text = _SCHEME.sub(rf"\1 {MASK}", text)
        text = _QUOTED.sub(rf"\1{MASK}", text)
        return _NAMED.sub(lambda found: found[1] + (found[2] if PLAIN.fullmatch(found[2]) else MASK), text)


def secrets_of(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables whose names say that they are secrets."""
    return (value for name, value in environment.items() if _NAME.search(name))
