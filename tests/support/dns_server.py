"""A DNS server that tells what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class Zone(asyncio.DatagramProtocol):
    """The records of all names.

    Attributes:
        ttl: seconds for which an answer may be believed.
        silent: answers nobody.
        asked: the names and types that were asked for.
    """

    def __init__(self) -> None:
        self.ttl = 1
        self.silent = False
        self.asked: list[tuple[str, str]] = []
        self._records: dict[tuple[str, str], Sequence[str]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def tell(self, name: str, kind: str, *values: str) -> None:
        """Have these records of a type, and no others of it."""
        self._records[name, kind] = values

    @property
    def address(self) -> str:
        """Where it is asked."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        [wanted] = question.question
        name, kind = str(wanted.name).removesuffix("."), dns.rdatatype.to_text(wanted.rdtype)
        self.asked.append((name, kind))
        if self.silent or self._transport is None:
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if not any(known == name and values for (known, _), values in self._records.items()):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif values := self._records.get((name, kind), ()):
            answer.answer.append(dns.rrset.from_text_list(wanted.name, self.ttl, "IN", kind, list(values)))
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def dns_server(host: str = "127.0.0.1") -> AsyncIterator[Zone]:
    """A server at a free port of an address."""
    transport, zone = await asyncio.get_running_loop().create_datagram_endpoint(Zone, (host, 0))
    try:
        yield zone
    finally:
        transport.close()
