"""Of two versions of a plugin side by side one has its hooks fired, and none is lost on the way to the other."""

from __future__ import annotations

from typing import Any, cast

import pytest

from servehttp.plugins.link import Link
from servehttp.plugins.replica_hooks import ReplicaHooks
from servehttp.plugins.versions import Versions
from support.loops import one_module_loop  # noqa: F401  # pytest uses it

pytestmark = pytest.mark.anyio


class Host:
    """What it was told, as the names of connections."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def connected(self, plugin_id: str, link: Link | ReplicaHooks) -> None:
        self.told.append(cast(str, link))

    async def disconnected(self, plugin_id: str) -> None:
        self.told.append("nothing")


def link(name: str) -> Any:
    return name


async def test_the_only_version_is_the_hosts_at_once() -> None:
    host = Host()
    version = Versions(host).begin("p")
    version.connected("p", link("first"))
    await version.disconnected("p")
    await version.disconnected("p")
    version.connected("p", link("first again"))
    assert host.told == ["first", "nothing", "first again"]


async def test_the_next_one_takes_over_when_it_is_told_to_and_the_leave_of_the_first_changes_nothing() -> None:
    host = Host()
    versions = Versions(host)
    first, second = versions.begin("p"), versions.begin("p")
    first.connected("p", link("first"))
    second.connected("p", link("second"))
    assert host.told == ["first"]
    versions.hand_over("p")
    await first.disconnected("p")
    assert host.told == ["first", "second"]


async def test_the_next_one_takes_over_where_the_first_is_lost() -> None:
    host = Host()
    versions = Versions(host)
    first, second = versions.begin("p"), versions.begin("p")
    first.connected("p", link("first"))
    second.connected("p", link("second"))
    await first.disconnected("p")
    assert host.told == ["first", "second"]


async def test_one_that_did_not_come_up_leaves_the_first() -> None:
    host = Host()
    versions = Versions(host)
    first, second = versions.begin("p"), versions.begin("p")
    first.connected("p", link("first"))
    second.connected("p", link("second"))
    await second.disconnected("p")
    first.connected("p", link("first again"))
    assert host.told == ["first", "first again"]
    versions.hand_over("p")
    await first.disconnected("p")
    assert host.told == ["first", "first again", "nothing"]


async def test_plugins_do_not_concern_one_another() -> None:
    host = Host()
    versions = Versions(host)
    versions.begin("p").connected("p", link("p"))
    versions.begin("q").connected("q", link("q"))
    versions.hand_over("r")
    assert host.told == ["p", "q"]
