"""Plugins on other machines: where their endpoints are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mattermost_plugin.targets import LARGEST_PORT, parse_target
from servehttp.settings.kinds import Group, gather_targets, lower_ids
from servehttp.settings.targets import PLAINTEXT, TLS

DNS: Final = "dns:///"
MOST_ENDPOINTS: Final = 256
"""Of one plugin."""
LONGEST_NAME: Final = 253
"""Characters, by RFC 1035."""
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class DnsName:
    """A name that is asked of DNS.

    Attributes:
        name: of addresses; of services, as in `_grpc._tcp.example.com`, if there is no port.
        port: at each of the addresses; None where DNS tells it too.
    """

    name: str
    port: int | None


def read_dns(text: str) -> DnsName:
    """Read `dns:///NAME:PORT`, or `dns:///_SERVICE._tcp.NAME` for SRV records.

    Raises:
        ValueError: it is neither.
    """
    name, colon, port = text.removeprefix(DNS).partition(":")
    name = name.removesuffix(".")
    if not name or len(name) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{text!r} names no host: write dns:///NAME:PORT, or dns:///_SERVICE._tcp.NAME")
    if not colon:
        if not name.startswith("_"):
            raise ValueError(f"{text!r} has no port: write {text}:PORT, or dns:///_SERVICE._tcp.NAME for SRV records")
        return DnsName(name, None)
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) <= LARGEST_PORT):
        raise ValueError(f"{text!r} has no port from 1 to {LARGEST_PORT}")
    return DnsName(name, int(port))


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class RemotePlugin(Group):
    """Where one plugin runs that others start: on other machines, mostly.

    Attributes:
        target: `dns:///NAME:PORT`, asked again as its answers say; or `HOST:PORT` of each endpoint.
        name: whom the endpoints' certificates are for; empty for the name of the target.
        plaintext: whether they are connected to without TLS.
    """

    target: Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=MOST_ENDPOINTS)]
    name: str = ""
    plaintext: bool = False

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if self.dns is None:
            for place in self.target:
                if place.startswith(DNS):
                    raise ValueError(f"{place!r} stands beside others: a name for DNS is the only target")
                if not parse_target(place).port:
                    raise ValueError(f"{place!r} is not HOST:PORT")
        return self

    @property
    def dns(self) -> DnsName | None:
        """What DNS is asked for; None where the endpoints are listed."""
        if len(self.target) == 1 and self.target[0].startswith(DNS):
            return read_dns(self.target[0])
        return None

    @property
    def certified(self) -> str:
        """The name in the certificate of all endpoints; empty where it is that of each of them."""
        return self.name or (self.dns.name if self.dns is not None else "")

    def at(self, place: str) -> str:
        """An endpoint as it is connected to, and shown."""
        return f"{PLAINTEXT if self.plaintext else TLS}{place}"


def _from_pairs(value: object) -> object:
    """From ID=TARGET, as the environment and the command line have it; elsewhere it is a map of tables already."""
    targets = gather_targets(value)
    return _tables(targets) if isinstance(value, str | list | tuple) and isinstance(targets, dict) else targets


def _tables(targets: dict[str, list[str]]) -> dict[str, object]:
    return {
        plugin_id: {
            "target": [target.removeprefix(PLAINTEXT) for target in of_it],
            "plaintext": all(target.startswith(PLAINTEXT) for target in of_it),
        }
        for plugin_id, of_it in targets.items()
    }


RemotePlugins = Annotated[dict[str, RemotePlugin], BeforeValidator(_from_pairs), AfterValidator(lower_ids)]
