"""Who the client is, when proxies stand in front of the gateway.

`X-Forwarded-For` and `X-Forwarded-Proto` are believed from the peers that `forwarded_allow_ips` names and from nobody
else: by default from none. From others they are removed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

from mattermost_plugin.exchange import Address, Headers

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYBODY: Final = "*"
"""Also trusts the peers of a unix socket, which have no address."""

FORWARDED_HEADERS: Final = frozenset(
    (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip")
)

SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}


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

    def _trusts(self, host: str) -> bool:
        if self.everybody:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def resolve(self, client: Address | None, scheme: str, headers: Headers) -> tuple[Address | None, str]:
        """Client and scheme as a trusted peer reports them.

        The client is the nearest address in the chain that is no proxy of ours.
        """
        chain = _forwarded_for(headers)
        for host in reversed(chain):
            if not self.trusts(host) or host == chain[0]:
                client = (host, 0)
                break
        protos = [value.lower() for name, value in headers if name == b"x-forwarded-proto"]
        return client, SCHEMES.get(protos[0], scheme) if protos else scheme


def _forwarded_for(headers: Headers) -> list[str]:
    values = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    return [item.strip().decode("latin-1") for item in values.split(b",") if item.strip()]
