"""A plugin that runs twice, as the workspace has it: one plugin, with one store, restarted without a pause."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.bundles import bundle_of
from support.client import fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.several import BASE, ID, SEVERAL, Load, Notes, about, all_running, pids, several

pytestmark = pytest.mark.anyio

WITH_WORKSPACE = {"SERVEHTTP_WORKSPACE__ENABLED": "true"}


class Managed:
    """A gateway with a workspace, and its administrator."""

    def __init__(self, gateway: Gateway, notes: Notes, data: Path) -> None:
        self.gateway = gateway
        self.notes = notes
        self._bearer = ("authorization", f"Bearer {(data / 'admin-token').read_text().strip()}")

    async def rest(self, method: str, path: str, body: object = None) -> Any:
        """What the REST API answers."""
        text = b"" if body is None else json.dumps(body).encode()
        answer = await fetch(self.gateway.port, f"/api/v4{path}", method, [self._bearer], text)
        assert answer.status < 300, answer
        return answer.json()

    async def install(self, bundle: bytes, *, force: bool = False) -> None:
        form = b'--b\r\nContent-Disposition: form-data; name="plugin"; filename="p.tar.gz"\r\n\r\n' + bundle
        form += b'\r\n--b\r\nContent-Disposition: form-data; name="force"\r\n\r\n' + str(force).lower().encode()
        headers = [self._bearer, ("content-type", "multipart/form-data; boundary=b")]
        answer = await fetch(self.gateway.port, "/api/v4/plugins", "POST", headers, form + b"\r\n--b--\r\n")
        assert answer.status == 201, answer

    async def restart(self) -> None:
        await self.rest("POST", f"/plugins/{ID}/restart")


@asynccontextmanager
async def managed(folder: Path, *options: str) -> AsyncIterator[Managed]:
    data = folder / "data"
    async with several(folder, "--data-dir", str(data), *options, environment=WITH_WORKSPACE) as (gateway, notes):
        yield Managed(gateway, notes, data)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_restart_under_load_takes_one_after_the_other_and_loses_nothing(tmp_path: Path, workers: str) -> None:
    async with managed(tmp_path, "--workers", workers) as scene:
        before = await pids(scene.gateway)
        load = Load(scene.gateway.port)
        async with load.put():
            await load.more(200)
            await scene.restart()
            await load.more(200)
        assert load.failed == {}
        after = await all_running(scene.gateway, *before)
        assert set(before) | set(after) == set(load.answered.values())
        lives = [(note.what, note.replica) for note in scene.notes.all() if note.what in ("OnActivate", "OnDeactivate")]
        assert sorted(lives[:2]) == [("OnActivate", 1), ("OnActivate", 2)]
        assert lives[2:] == [("OnDeactivate", 1), ("OnActivate", 1), ("OnDeactivate", 2), ("OnActivate", 2)]
        assert all(part["restarts"] == 0 for part in (await about(scene.gateway))["replicas"])


async def test_a_hook_reaches_one_of_them_and_what_concerns_each_reaches_each(tmp_path: Path) -> None:
    async with managed(tmp_path) as scene:
        names = [f"user-{number}" for number in range(6)]
        for name in names:
            user = {"username": name, "email": f"{name}@example.com", "password": "Passw0rd!"}
            await scene.rest("POST", "/users", user)
        told = [await scene.notes.until(f"UserHasBeenCreated {name}", 1) for name in names]
        before = len(await scene.notes.until("OnConfigurationChange", 2))
        config = await scene.rest("GET", "/config")
        config["PluginSettings"]["Plugins"][ID] = {"colour": "red"}
        await scene.rest("PUT", "/config", config)
        changes = (await scene.notes.until("OnConfigurationChange", before + 2))[before:]
        assert {note.replica for note in changes} == {1, 2}
        assert [len(notes) for notes in told] == [1] * len(names), "each once, in all processes together"
        assert Counter(note.replica for [note] in told) == {1: 3, 2: 3}
        assert len(scene.notes.of("OnConfigurationChange")) == before + 2


async def test_they_share_what_is_the_plugins_and_tell_one_another_by_cluster_events(tmp_path: Path) -> None:
    async with managed(tmp_path) as scene:
        counted = [(await fetch(scene.gateway.port, f"{BASE}/count", "POST")).json() for _ in range(4)]
        assert [count for count, _ in counted] == [1, 2, 3, 4]
        assert {replica for _, replica in counted} == {1, 2}
        for event in ("first", "second"):
            sender = (await fetch(scene.gateway.port, f"{BASE}/publish?event={event}", "POST")).json()
            [heard] = await scene.notes.until(f"OnPluginClusterEvent {event}", 1)
            assert heard.replica == 3 - sender
        assert (await fetch(scene.gateway.port, f"{BASE}/publish?event=far&node=elsewhere", "POST")).status == 200
        await fetch(scene.gateway.port, f"{BASE}/publish?event=last", "POST")
        await scene.notes.until("OnPluginClusterEvent last", 1)
        assert len(scene.notes.of("OnPluginClusterEvent first")) == 1
        assert scene.notes.of("OnPluginClusterEvent far") == []


async def test_it_is_enabled_disabled_replaced_and_removed_as_one(tmp_path: Path) -> None:
    data, notes = tmp_path / "data", Notes(tmp_path / "notes")
    allowed = {"SEVERAL_NOTES": str(notes.file), "SERVEHTTP_PLUGINS__ENV_ALLOW": "SEVERAL_NOTES", **WITH_WORKSPACE}
    subject = SEVERAL.parent / "subject"
    options = ("--workers", "2", "--data-dir", str(data))
    async with running(subject, *options, environment=allowed) as gateway:
        scene = Managed(gateway, notes, data)
        await scene.install(bundle(2))
        await become(gateway, ["stopped"] * 2)
        await scene.rest("POST", f"/plugins/{ID}/enable")
        await become(gateway, ["running"] * 2)
        assert len(await notes.until("OnInstall", 1)) == 1
        await scene.install(bundle(3), force=True)
        await become(gateway, ["running"] * 3)
        await scene.install(bundle(1), force=True)
        await become(gateway, ["running"])
        await scene.rest("POST", f"/plugins/{ID}/disable")
        await become(gateway, ["stopped"])
        assert len(notes.of("OnActivate")) == len(notes.of("OnDeactivate")) == 6
        await scene.install(bundle(2), force=True)
        await scene.rest("DELETE", f"/plugins/{ID}")
        await become(gateway, [])
        assert len(notes.of("OnInstall")) == 3, "once for each of the installations that were activated"
        assert await gateway.stop() == 0
        await gateway.wait_gone(2)


def bundle(replicas: int) -> bytes:
    manifest = json.loads((SEVERAL / "plugin.json").read_text()) | {"props": {"replicas": replicas}}
    return bundle_of({"plugin.json": json.dumps(manifest).encode(), "plugin.py": (SEVERAL / "plugin.py").read_bytes()})


async def become(gateway: Gateway, states: list[str]) -> None:
    """Waits until its replicas are in these states, as the worker that answers has them."""
    found = None
    try:
        async with asyncio.timeout(PATIENCE):
            while found != states:
                plugins = (await fetch(gateway.port, "/readyz?verbose")).json()["plugins"]
                parts = [part for plugin in plugins if plugin["id"] == ID for part in plugin.get("replicas", [plugin])]
                found = [part["state"] for part in parts]
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"they are {found}") from None
