"""What the gateway answers browsers with itself, as HTML: nothing runs in it, and nothing is loaded for it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final

HTML: Final = b"text/html"
JSON: Final = b"application/json"

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{margin:0 auto;max-width:40rem;padding:1.5rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.4rem;line-height:1.25}ul{padding-left:1.25rem}li{margin:.35rem 0}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'".encode(),
    ),
    (b"x-content-type-options", b"nosniff"),
)
"""Of every such page."""


def page(title: str, content: str) -> bytes:
    """A page.

    Args:
        title: its text.
        content: HTML below that.
    """
    heading = escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{heading}</title>\n<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{heading}</h1>\n{content}</main>\n</body>\n</html>\n"
    ).encode()


def pairs(values: Mapping[str, str]) -> str:
    """HTML of a list of names and values."""
    return "".join(f"<p>{escape(name)}: <code>{escape(value)}</code></p>\n" for name, value in values.items())


def prefers_html(accept: bytes | None) -> bool:
    """Whether who sends this `Accept` would rather have HTML than JSON, as browsers would that show a page."""
    if accept is None or HTML not in accept.lower():
        return False
    return _weight(accept, HTML) > _weight(accept, JSON)


def _weight(accept: bytes, kind: bytes) -> float:
    """How much a media type is wanted, that is named there; 0 if it is not."""
    for item in accept.lower().split(b","):
        name, *parameters = [part.strip() for part in item.split(b";")]
        if name == kind:
            return min([_quality(each) for each in parameters if each.startswith(b"q=")], default=1.0)
    return 0.0


def _quality(parameter: bytes) -> float:
    try:
        return float(parameter[2:])
    except ValueError:
        return 0.0
