"""What a page's Content-Security-Policy (CSP 3) lets it load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

OWN_ORIGIN: Final = frozenset((b"'self'", b"*"))
"""Sources by which something of the page's own origin may be loaded."""
ONLY_TRUSTED: Final = b"'strict-dynamic'"
"""With it nothing counts but nonces and hashes."""
SANDBOX_OPENED: Final = frozenset((b"allow-scripts", b"allow-same-origin"))


def allows_own_script(policies: Iterable[bytes]) -> bool:
    """Whether a page may load a script of its own origin, which connects to that.

    Args:
        policies: the values of the header; each may have several policies, of which all count.
    """
    return all(_allows(policy) for value in policies for policy in value.split(b","))


def _allows(policy: bytes) -> bool:
    directives = _directives(policy)
    if not frozenset(directives.get(b"sandbox", SANDBOX_OPENED)) >= SANDBOX_OPENED:
        return False
    scripts = _sources(directives, b"script-src-elem", b"script-src", b"default-src")
    connections = _sources(directives, b"connect-src", b"default-src")
    return not OWN_ORIGIN.isdisjoint(scripts) and ONLY_TRUSTED not in scripts and not OWN_ORIGIN.isdisjoint(connections)


def _directives(policy: bytes) -> Mapping[bytes, list[bytes]]:
    """Each by its name; of several with one name the first counts."""
    found: dict[bytes, list[bytes]] = {}
    for directive in policy.lower().split(b";"):
        name, *values = directive.split() or [b""]
        found.setdefault(name, values)
    return found


def _sources(directives: Mapping[bytes, list[bytes]], *names: bytes) -> list[bytes]:
    """Those of the first directive that is there; all where there is none."""
    return next((directives[name] for name in names if name in directives), [b"*"])
