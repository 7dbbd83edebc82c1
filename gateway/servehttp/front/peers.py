"""Who the client is, when proxies stand in front of the gateway.

What proxies say in `X-Forwarded-*`, `Forwarded` (RFC 7239) and `X-Real-IP` is believed from the peers that
`forwarded_allow_ips` names and from nobody else: by default from none. From others it is removed, in any spelling.

Each proxy adds the address of its own peer to the end of a chain, in `X-Forwarded-For` or, where that is missing, in
`Forwarded`. From the end of the chain each address counts that a trusted peer has said, up to the first that is not
trusted itself, or not told: that is the client. Its scheme is what was said at the same place.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from mattermost_plugin.exchange import Address, Headers

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Hop: TypeAlias = tuple[bytes, bytes]
"""What one proxy says: whom it got the request from, and by which scheme; empty where it does not."""

EVERYBODY: Final = "*"
"""Also trusts the peers of a unix socket, which have no address."""

MOST_HOPS: Final = 32
"""Proxies of which a chain is looked at, from its end."""

SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}

_PORT: Final = rb"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_NODE: Final = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))" + _PORT)
"""RFC 7239 §6: an address and perhaps a port."""
_BARE_IPV6: Final = re.compile(rb"[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
"""As it stands in `X-Forwarded-For`, where brackets are not required."""

_VALUE: Final = rb'"(?:[^"\\]|\\.)*+"|[^\s";,]++'
_PARAMETER: Final = re.compile(rb"[ \t]*+(?:([^\s=\";,]++)=(" + _VALUE + rb"))?[ \t]*+(?:;|\Z)")
"""RFC 7239 §4, but that what should be quoted need not be."""


class TrustedProxies:
    """The peers whose word about the client counts.

    Args:
        networks: addresses, networks, or `*` for every peer.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        names = tuple(networks)
        self.everybody = EVERYBODY in names
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(name, strict=False) for name in names if name != EVERYBODY
        )
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def trusts_peer(self, peer: Address | None) -> bool:
        """Whether the other end of a connection is trusted; None is one without an address."""
        return self.trusts(peer[0]) if peer else self.everybody

    def _trusts(self, host: str) -> bool:
        if self.everybody:
            return True
        try:
            address = ipaddress.ip_address(canonical(host))
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def resolve(self, client: Address | None, scheme: str, headers: Headers) -> tuple[Address | None, str]:
        """Client and scheme as a trusted peer reports them."""
        said = b""
        for node, by in reversed(_chain(headers)):
            said = by or said
            host = address_of(node)
            if host is None:
                break
            client = (host, 0)
            if not self.trusts(host):
                break
        return client, SCHEMES.get(said.lower(), scheme)


def canonical(host: str) -> str:
    """An address in the one spelling that it has here: an IPv4 address in IPv6 is an IPv4 address.

    Raises:
        ValueError: it is none.
    """
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def address_of(node: bytes) -> str | None:
    """The address in what a proxy names its peer by; None if it names none (`unknown`, `_hidden`), or nonsense."""
    node = _unquoted(node)
    match = _NODE.fullmatch(node)
    if match is None and _BARE_IPV6.fullmatch(node) is None:
        return None
    try:
        return canonical((match[1] or match[2] if match else node).decode())
    except ValueError:
        return None


def _unquoted(text: bytes) -> bytes:
    if len(text) > 1 and text.startswith(b'"') and text.endswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", text[1:-1])
    return text


def _chain(headers: Headers) -> list[Hop]:
    """What the proxies said, the nearest last."""
    nodes = _items(headers, b"x-forwarded-for")
    if not nodes and (hops := _forwarded(headers)):
        return hops
    schemes = _items(headers, b"x-forwarded-proto") or [b""]
    nodes = nodes or [b""]
    missing = len(nodes) - len(schemes)  # where one proxy says it for all
    return [(node, schemes[max(number - missing, 0)]) for number, node in enumerate(nodes)]


def _forwarded(headers: Headers) -> list[Hop]:
    """What the proxies said in `Forwarded`, read from its end: what a client wrote cannot spoil what they added."""
    hops: list[Hop] = []
    element = b""
    for item in reversed(_items(headers, b"forwarded")):
        element = item + b"," + element if element else item  # a comma may be quoted
        parameters = _parameters(element)
        if parameters is not None:
            hops.append((_unquoted(parameters.get(b"for", b"")), _unquoted(parameters.get(b"proto", b""))))
            element = b""
    return hops[::-1]


def _parameters(element: bytes) -> dict[bytes, bytes] | None:
    parameters: dict[bytes, bytes] = {}
    position = 0
    while position < len(element):
        match = _PARAMETER.match(element, position)
        if match is None:
            return None
        if match[1]:
            parameters.setdefault(match[1].lower(), match[2])
        position = match.end()
    return parameters


def _items(headers: Headers, name: bytes) -> list[bytes]:
    """The last items of a list that may be in several headers."""
    value = b",".join([value for key, value in headers if key == name])
    items = [item.strip() for item in value.rsplit(b",", MOST_HOPS)[-MOST_HOPS:]]
    return [item for item in items if item]
