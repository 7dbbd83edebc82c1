"""What the API of the gateway tells and does, and what its pages show of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI

from servehttp.console import api
from servehttp.console.problems import Problem
from servehttp.console.settings_form import changes
from servehttp.logs import RECENT
from servehttp.plugins.handle import PastFailure
from servehttp.plugins.states import PluginState
from servehttp.recent_records import RecentRecords
from servehttp.requests_seen import MINUTE, SLOWEST_OF_MINUTE, RequestsSeen, Slowest, together
from servehttp.tail import TooManyReaders
from support.consoles import DOWN, FAST, REASON, SLOW, Scene, console, seen
from support.loops import one_module_loop  # noqa: F401  # pytest uses it
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

V1 = "/api/servehttp/v1"


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with console(tmp_path_factory.mktemp("api"), workspace=False) as scene:
        yield scene


@pytest.fixture(scope="module")
async def visitor(scene: Scene) -> dict[str, str]:
    return await scene.sign_in()


async def get(scene: Scene, visitor: dict[str, str], path: str, status: int = 200) -> Any:
    answer = await scene.http.get(V1 + path, headers=visitor)
    assert answer.status_code == status, answer.text
    return answer.json()


async def page(scene: Scene, visitor: dict[str, str], path: str, status: int = 200) -> str:
    answer = await scene.http.get(f"/console/{path}", headers=visitor)
    assert answer.status_code == status, answer.text
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    return answer.text


def logged(**event: Any) -> None:
    RECENT.add({"event": "it happened", "level": "info", "logger": "servehttp.test", **event})


async def test_a_plugin_is_told_with_its_state_and_why(scene: Scene, visitor: dict[str, str]) -> None:
    scene.plugin(DOWN).failures = [PastFailure(1.7e9, "exit code 6"), PastFailure(1.8e9, REASON)]
    scene.gateway.printed.of(DOWN).add("stderr", "error", "<no> luck")
    told = await get(scene, visitor, f"/plugins/{DOWN}")
    assert (told["state"], told["reason"], told["replicas_running"]) == ("failed", REASON, 0)
    assert [failure["reason"] for failure in told["replicas"][0]["failures"]] == ["exit code 6", REASON]
    assert told["output"][-1]["text"] == "<no> luck"
    shown = await page(scene, visitor, f"plugins/{DOWN}")
    assert "&lt;no&gt; luck" in shown
    assert shown.index(REASON) < shown.index("exit code 6")
    assert await get(scene, visitor, "/plugins/nobody", 404)
    assert await get(scene, visitor, f"/plugins/{DOWN}/history") == []


async def test_who_needs_somebody_comes_first(scene: Scene, visitor: dict[str, str]) -> None:
    await scene.console.overview.gateway()
    scene.server.serve(FAST, 0.002)
    scene.server.serve(SLOW, 3.0)
    shown = await page(scene, visitor, "")
    assert shown.index(f"{DOWN}</a>") < shown.index(f"{SLOW}</a>")
    assert f"{FAST}</a>" in shown


async def test_a_restart_and_a_reset_are_done(scene: Scene, visitor: dict[str, str]) -> None:
    states = []
    scene.plugin(SLOW).changed = lambda: states.append(scene.plugin(SLOW).state)
    answer = await scene.http.post(f"{V1}/plugins/{SLOW}/restart", headers=visitor)
    assert answer.status_code == 200
    assert states[-1] is PluginState.RUNNING
    assert len(states) > 1
    answer = await scene.http.post(f"{V1}/plugins/{DOWN}/reset", headers=visitor)
    assert answer.status_code == 200
    assert scene.plugin(DOWN).state is PluginState.RUNNING
    scene.plugin(DOWN).become(PluginState.STOPPED)
    refused = await scene.http.post(f"{V1}/plugins/{DOWN}/reset", headers=visitor)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "The plugin is stopped.")
    scene.plugin(DOWN).become(PluginState.FAILED, REASON)


async def test_requests_are_told_and_found_by_their_id(scene: Scene, visitor: dict[str, str]) -> None:
    opened = seen("open-1", waited=9.0, status=0, first_byte=None)
    scene.server.seen = RequestsSeen([opened], [seen("slow-1")])
    told = await get(scene, visitor, "/requests")
    assert [each["request_id"] for each in (*told["open"], *told["slowest"])] == ["open-1", "slow-1"]
    logged(event="GET /plugins/x/", logger="servehttp.access", request_id="slow-1", status=200, duration_ms=2500)
    logged(event="a line of the plugin", plugin=SLOW, request_id="slow-1")
    found = await get(scene, visitor, "/requests/slow-1")
    assert (found["open"], found["request"]["seconds"], found["access"]["duration_ms"]) == (False, 2.5, 2500)
    assert [record["text"] for record in found["records"]] == ["a line of the plugin"]
    assert (await get(scene, visitor, "/requests/open-1"))["open"]
    await get(scene, visitor, "/requests/unknown", 404)
    assert "a line of the plugin" in await page(scene, visitor, "requests/slow-1")
    assert "9.00 s" in await page(scene, visitor, f"plugins/{SLOW}")
    answer = await scene.http.get("/console/requests?id=a%2Fb", headers=visitor)
    assert answer.headers["location"] == "/console/requests/a%2Fb"


async def test_the_log_is_filtered_by_plugin_and_level(scene: Scene, visitor: dict[str, str]) -> None:
    for level in ("debug", "info", "warning", "error"):
        logged(event=f"says {level}", level=level, plugin="com.example.filtered")
        logged(event=f"another says {level}", level=level, plugin="com.example.other")
    found = await get(scene, visitor, "/logs?plugin=com.example.filtered&level=warning")
    assert [record["text"] for record in found] == ["says warning", "says error"]
    assert len(await get(scene, visitor, "/logs?plugin=com.example.filtered&limit=1")) == 1
    for bad in ("level=loud", "limit=0", "limit=x", "limit=99999999999999999999"):
        await get(scene, visitor, f"/logs?{bad}", 400)
    shown = await page(scene, visitor, "logs?plugin=com.example.filtered&level=error")
    assert "says error" in shown
    assert "says warning" not in shown


async def test_the_log_is_followed_until_the_gateway_stops(tmp_path: Path) -> None:
    async with console(tmp_path, workspace=False) as scene:
        visitor, got = await scene.sign_in(), asyncio.Queue[str]()
        logged(event="before", plugin="com.example.followed")

        async def follow() -> None:
            # Not by the client: its transport waits for the end of an answer.
            async def send(message: Any) -> None:
                for line in message.get("body", b"").decode().splitlines():
                    if line.startswith("data: "):
                        got.put_nowait(json.loads(line[6:])["text"])

            cookie = visitor["cookie"].encode()
            await scene.gateway(scope(b"plugin=com.example.followed", cookie), stays, send)

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(follow())
            assert await got.get() == "before"
            logged(event="not this one", plugin="com.example.other")
            logged(event="after", plugin="com.example.followed")
            assert await got.get() == "after"
            scene.gateway.begin_to_stop()


async def stays() -> dict[str, Any]:
    """A client that does not leave."""
    await asyncio.Event().wait()
    raise AssertionError


def scope(query: bytes, cookie: bytes) -> dict[str, Any]:
    path = f"{V1}/logs/events"
    return {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query,
        "root_path": "", "headers": [(b"cookie", cookie), (b"host", b"gateway.test")], "scheme": "http",
        "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip


async def test_half_a_character_of_a_files_name_is_told_as_its_escape(scene: Scene, visitor: dict[str, str]) -> None:
    logged(event="no /srv/\udcff", file="\udcfe")
    (record,) = (await get(scene, visitor, "/logs"))[-1:]
    assert (record["text"], record["fields"]["file"]) == ("no /srv/\\udcff", "\\udcfe")


async def test_no_more_follow_than_may(scene: Scene, visitor: dict[str, str]) -> None:
    few = RecentRecords(readers=1)
    with few.reader(), pytest.raises(TooManyReaders):
        few.check_room()


@pytest.mark.parametrize("kind", ["number", "custom"])
def test_a_value_too_deep_to_be_read_is_told(kind: str) -> None:
    setting: dict[str, Any] = dict.fromkeys(("secret", "value", "default", "stored"))
    with pytest.raises(Problem, match="Deep takes"):
        changes([setting | {"key": "Deep", "type": kind, "options": []}], {"value:Deep": "[" * 100_000})


def test_records_are_bounded_and_lines_of_requests_leave_them_alone() -> None:
    records = RecentRecords(records=10, characters=1000)
    records.add({"event": "GET /", "logger": "servehttp.access", "request_id": "r1", "status": 200})
    for number in range(50):
        records.add({"event": str(number), "level": "info"})
    assert [record.text for record in records.last(3)] == ["47", "48", "49"]
    assert len(records.last(100)) == 10
    records.add({"event": "x" * 100_000})
    assert records.last(100) == []
    line = records.request("r1")
    assert line is not None
    assert line["status"] == 200


def test_of_a_record_there_are_so_many_fields_of_so_many_characters() -> None:
    records = RecentRecords(characters=100_000)
    many: dict[str, object] = {f"{number}{'n' * 20_000}": "v" * 20_000 for number in range(1000)}
    records.add({"event": "much", "request_id": "r" * 20_000, "x": "y"} | dict.fromkeys(map(str, range(1000)), ""))
    (record,) = records.last(1)
    assert len(record.fields) <= 51
    assert len(record.request_id) < 10_000
    records.add({"event": "more"} | many)
    assert records.last(10) == [], "of names as of values"


def test_of_each_minute_the_slowest_are_kept() -> None:
    slowest = Slowest()
    for number in range(10 * SLOWEST_OF_MINUTE):
        slowest.take(seen(f"a{number}", waited=number / 10), now=float(number) / 100)
    kept = slowest.of_last_minutes(now=10.0)
    assert len(kept) == SLOWEST_OF_MINUTE
    assert kept[0].waited == (10 * SLOWEST_OF_MINUTE - 1) / 10
    assert slowest.floor == kept[-1].waited
    slowest.take(seen("later", waited=0.1), now=MINUTE + 1)
    assert slowest.of_last_minutes(now=MINUTE + 2)[-1].request_id == "later"
    assert slowest.of_last_minutes(now=100 * MINUTE) == []


def test_what_several_processes_have_seen_is_one_list() -> None:
    one = RequestsSeen([replace(seen("b"), began=2.0)], [seen("x", waited=1.0)])
    other = RequestsSeen([replace(seen("a"), began=1.0)], [seen("y", waited=2.0)])
    both = together([one, other], most=1)
    assert ([each.request_id for each in both.open], [each.request_id for each in both.slowest]) == (["a"], ["y"])


async def test_the_api_describes_itself(scene: Scene, visitor: dict[str, str]) -> None:
    told = await get(scene, visitor, "/openapi.json")
    OpenAPI.model_validate(told)
    served = {(route.method, route.path) for route in api.ROUTES}
    assert {(method.upper(), path) for path, item in told["paths"].items() for method in item} == served
    for path, item in told["paths"].items():
        if "get" not in item or path.endswith("/events"):
            continue
        answer = await scene.http.get(path.format(plugin_id=SLOW, request_id="nobody"), headers=visitor)
        responses = item["get"]["responses"]
        assert str(answer.status_code) in responses, f"{path} answers {answer.status_code}"
        [content] = responses[str(answer.status_code)]["content"].values()
        shape = "object" if "$ref" in content["schema"] else content["schema"]["type"]
        assert isinstance(answer.json(), {"object": dict, "array": list}[shape]), path
