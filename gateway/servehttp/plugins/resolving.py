"""Where the endpoints of a name are, asked of DNS: A and AAAA records, or SRV records and their hosts' addresses."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mattermost_plugin.targets import Target, parse_target
from servehttp.errors import GatewayError
from servehttp.settings.plugins import PluginSettings
from servehttp.settings.remote import MOST_ENDPOINTS, DnsName, RemotePlugin

if TYPE_CHECKING:  # loaded by who has a name to ask for
    from dns.asyncresolver import Resolver as Library

FAMILIES: Final = ("A", "AAAA")


class ResolveError(GatewayError):
    """DNS did not say where anything is."""


@dataclass(frozen=True)
class Found:
    """What DNS said.

    Attributes:
        places: `HOST:PORT` of each endpoint, by an address, in order; at most `MOST_ENDPOINTS`.
        more: how many there are beyond these.
        ttl: seconds for which this may be believed.
    """

    places: tuple[str, ...]
    more: int
    ttl: float


class Resolver:
    """Asks DNS.

    Args:
        server: `HOST:PORT` of the server to ask, HOST being an address; empty for those that this machine is set to.
        timeout: seconds for one question, with all that is asked again.
    """

    def __init__(self, server: str, timeout: float) -> None:
        from dns.asyncresolver import Resolver as Library

        self._library: Library = Library(configure=not server)
        self._timeout = timeout
        if server:
            place = parse_target(server)
            self._library.nameservers = [place.host]
            self._library.port = place.port

    async def find(self, wanted: DnsName) -> Found:
        """Ask for a name.

        Raises:
            ResolveError: there is no answer, or nothing of that name.
        """
        if wanted.port is not None:
            return _found([await self._addresses(wanted.name, wanted.port)], wanted.name)
        services = await self._ask(wanted.name, "SRV")
        hosts = {(str(record.target), int(record.port)) for record in services}
        if not hosts:
            raise ResolveError(f"DNS has no SRV records of {wanted.name}")
        asked = sorted(hosts)[:MOST_ENDPOINTS]
        answers = await asyncio.gather(*(self._addresses(host, port) for host, port in asked))
        return _found([(set(), services.rrset.ttl), *answers], wanted.name)

    async def _addresses(self, name: str, port: int) -> tuple[set[str], float]:
        """`HOST:PORT` for each address of a host, and for how many seconds."""
        answers = await asyncio.gather(*(self._ask(name, family) for family in FAMILIES))
        places = {Target(host=record.address, port=port).text for answer in answers for record in answer}
        return places, min((answer.rrset.ttl for answer in answers if answer.rrset), default=0.0)

    async def _ask(self, name: str, kind: str) -> Any:
        """The answer; one without records where there is the name, but nothing of this kind."""
        from dns.exception import DNSException

        try:
            return await self._library.resolve(
                name, kind, lifetime=self._timeout, search=False, raise_on_no_answer=False
            )
        except (DNSException, OSError) as error:
            raise ResolveError(f"DNS did not tell of {name} ({kind}): {_why(error)}") from None


def finding(where: RemotePlugin, plugins: PluginSettings) -> Callable[[], Awaitable[Found]]:
    """What says where a plugin is: DNS or, where its endpoints are listed, the list."""
    wanted = where.dns
    if wanted is not None:
        resolver = Resolver(plugins.dns_server or "", plugins.dns_timeout)
        return functools.partial(resolver.find, wanted)
    listed = Found(where.target, 0, math.inf)

    async def find() -> Found:
        return listed

    return find


def _found(answers: Iterable[tuple[set[str], float]], name: str) -> Found:
    places: set[str] = set()
    ttls = []
    for found, ttl in answers:
        places |= found
        ttls.append(ttl)
    if not places:
        raise ResolveError(f"DNS has no address of {name}")
    told = sorted(places)
    return Found(tuple(told[:MOST_ENDPOINTS]), max(0, len(told) - MOST_ENDPOINTS), min(ttls))


def _why(error: BaseException) -> str:
    from dns.exception import Timeout
    from dns.resolver import NXDOMAIN, NoNameservers

    if isinstance(error, NXDOMAIN):
        return "there is no such name"
    if isinstance(error, Timeout):
        return "no answer in time"
    if isinstance(error, NoNameservers):
        return "no server answered as it should"
    return str(error) or type(error).__name__
