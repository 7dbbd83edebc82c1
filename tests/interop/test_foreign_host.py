"""A plugin of ours, a real process, under a host that knows nothing but the contract."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from interop import foreign_host, hosted_plugin
from interop.foreign_host import MOUNT, TIMEOUT, Host, PluginProcess, init
from interop.hosted_plugin import SECRET
from mattermost_plugin.grpc import hooks_lifecycle_pb2 as lifecycle
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

NOTICE_LIMIT = PATIENCE
"""Seconds within which an application learns that its caller has gone."""

PLUGIN = Path(hosted_plugin.__file__).read_text()

BARE_PLUGIN = """
from mattermost_plugin import HookName, Plugin, hook, run_plugin


class Bare(Plugin):
    @hook(HookName.OnActivate)
    def activated(self):
        return "no licence"


run_plugin(Bare)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginProcess]:
    """One process for all tests that leave it as it was."""
    with foreign_host.started(tmp_path_factory.mktemp("shared"), PLUGIN) as plugin:
        yield plugin


@pytest.fixture
async def host(shared: PluginProcess) -> AsyncIterator[Host]:
    async with foreign_host.connected(shared.address) as host:
        yield host


@pytest.fixture
def own(tmp_path: Path) -> Iterator[PluginProcess]:
    """A process that the test may end."""
    with foreign_host.started(tmp_path, PLUGIN) as plugin:
        yield plugin


async def last_events(host: Host) -> Any:
    return json.loads((await host.request("GET", "/last_events")).body)


# Start, hooks and stop


def test_the_handshake_is_the_first_line_and_has_five_fields(shared: PluginProcess) -> None:
    assert re.fullmatch(r"1\|1\|tcp\|127\.0\.0\.1:\d+\|grpc\n", shared.handshake)


async def test_health_is_serving_for_the_plugin_and_for_all(host: Host) -> None:
    assert await host.health("plugin") == "SERVING"
    assert await host.health("") == "SERVING"


async def test_implemented_names_the_handlers_and_serve_http(host: Host) -> None:
    response = await host.hooks.Implemented(lifecycle.ImplementedRequest(), timeout=TIMEOUT)
    assert list(response.hooks) == ["OnActivate", "OnDeactivate", "ServeHTTP"]
    assert not response.HasField("error")


async def test_lifecycle_hooks_answer_and_tell_what_was_raised(host: Host) -> None:
    activated = await host.hooks.OnActivate(lifecycle.OnActivateRequest(), timeout=TIMEOUT)
    deactivated = await host.hooks.OnDeactivate(lifecycle.OnDeactivateRequest(), timeout=TIMEOUT)
    assert not activated.HasField("error")
    assert "still busy" in deactivated.error.message


async def test_a_hook_without_a_handler_succeeds(host: Host) -> None:
    request = lifecycle.OnConfigurationChangeRequest()
    response = await host.hooks.OnConfigurationChange(request, timeout=TIMEOUT)
    assert not response.HasField("error")


async def test_a_plugin_without_routes_refuses_to_activate_and_answers_404(tmp_path: Path) -> None:
    with foreign_host.started(tmp_path, BARE_PLUGIN) as plugin:
        async with foreign_host.connected(plugin.address) as host:
            implemented = await host.hooks.Implemented(lifecycle.ImplementedRequest(), timeout=TIMEOUT)
            activated = await host.hooks.OnActivate(lifecycle.OnActivateRequest(), timeout=TIMEOUT)
            answer = await host.request("GET", "/")
    assert list(implemented.hooks) == ["OnActivate"]
    assert activated.error.message == "no licence"
    assert (answer.status, answer.complete, answer.code) == (404, True, grpc.StatusCode.OK)


async def test_shutdown_by_the_controller_ends_the_process_with_0(own: PluginProcess) -> None:
    async with foreign_host.connected(own.address) as host:
        await host.shut_down()
    assert own.wait() == 0


async def test_sigterm_ends_the_process_with_0(own: PluginProcess) -> None:
    own.process.send_signal(signal.SIGTERM)
    assert own.wait() == 0


async def test_nothing_but_the_handshake_ever_reaches_the_real_stdout(own: PluginProcess) -> None:
    async with foreign_host.connected(own.address) as host:
        assert (await host.request("GET", "/printing")).status == 200
        await host.shut_down()
    assert own.wait() == 0
    assert own.rest_of_stdout() == b""
    assert "1|1|tcp|127.0.0.1:1|grpc" in own.log()


# Requests


async def test_a_request_head_becomes_a_scope(host: Host) -> None:
    sent = {"Accept": ["text/html"], "X-Tag": ["one", "two"], "x-lower": ["kept"]}
    answer = await host.request("PATCH", "/describe?a=1&b=%20", headers=sent)
    scope = json.loads(answer.body)
    assert scope["method"] == "PATCH"
    assert (scope["path"], scope["root_path"]) == (f"{MOUNT}/describe", MOUNT)
    assert (scope["raw_path"], scope["query_string"]) == (f"{MOUNT}/describe", "a=1&b=%20")
    assert (scope["scheme"], scope["http_version"]) == ("http", "1.1")
    assert scope["client"] == ["192.0.2.7", 5555]
    assert ["host", "mattermost.example.com"] in scope["headers"]
    assert [pair for pair in scope["headers"] if pair[0] != "host"] == [
        ["accept", "text/html"],
        ["x-tag", "one"],
        ["x-tag", "two"],
        ["x-lower", "kept"],
    ]


async def test_a_host_that_gives_no_request_uri_is_understood(host: Host) -> None:
    scope = json.loads((await host.request("GET", "/describe", request_uri="", host="")).body)
    assert (scope["path"], scope["root_path"]) == ("/describe", "")


DATA = b"0123456789"


@pytest.mark.parametrize(
    ("messages", "size"),
    [
        pytest.param([{"body_complete": True}], 0, id="all-in-one-without-a-body"),
        pytest.param([{}, {"body_complete": True}], 0, id="empty"),
        pytest.param([{"body_chunk": DATA, "body_complete": True}], 10, id="all-in-one"),
        pytest.param([{"body_chunk": DATA}, {"body_complete": True}], 10, id="data-with-the-head"),
        pytest.param([{}, {"body_chunk": DATA}, {"body_complete": True}], 10, id="head-data-end"),
        pytest.param(
            [{}, {"body_chunk": DATA}, {"body_chunk": DATA, "body_complete": True}], 20, id="data-with-the-end"
        ),
        pytest.param([{}, {}, {"body_chunk": DATA}, {}, {"body_complete": True}], 10, id="empty-messages-between"),
        pytest.param([{}, {"body_chunk": DATA * 500_000}, {"body_complete": True}], 5_000_000, id="one-large-message"),
    ],
)
async def test_an_upload_arrives_however_it_is_cut(host: Host, messages: list[dict[str, Any]], size: int) -> None:
    call = host.serve_http()
    first, *rest = messages
    await call.send(init=init("POST", "/upload"), **first)
    for message in rest:
        await call.send(**message)
    await call.end()
    answer = await call.answer()
    assert answer.code is grpc.StatusCode.OK
    assert json.loads(answer.body)["size"] == size


async def test_a_request_stream_that_just_ends_is_an_aborted_upload(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("POST", "/upload"), body_chunk=DATA)
    await call.end()
    answer = await call.answer()
    assert await last_events(host) == ["disconnect"]
    assert answer.code is not grpc.StatusCode.OK
    assert answer.messages == []


async def test_an_upload_that_is_cancelled_is_aborted(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("POST", "/echo"), body_chunk=DATA)
    assert await call.read_body(len(DATA)) == DATA
    call.cancel()
    assert await last_events(host) == ["disconnect"]


@pytest.mark.parametrize("first", [None, {"body_chunk": DATA}], ids=["empty-stream", "no-head"])
async def test_a_request_without_a_head_is_answered_with_500(host: Host, first: dict[str, Any] | None) -> None:
    call = host.serve_http()
    if first is not None:
        await call.send(**first)
    await call.end()
    answer = await call.answer()
    assert (answer.status, answer.body) == (500, b"Empty request stream")
    assert answer.headers == {"Content-Type": ["text/plain"]}
    assert answer.complete


# Responses


async def test_the_response_streams_while_the_request_is_still_open(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("POST", "/echo"))
    first = await call.read()
    assert first is not None
    assert first.init.status_code == 200
    assert first.flush
    for number in range(10):
        piece = b"piece %d" % number
        await call.send(body_chunk=piece)
        assert await call.read_body(len(piece)) == piece
    await call.send(body_complete=True)
    await call.end()
    answer = await call.answer()
    assert (answer.complete, answer.code) == (True, grpc.StatusCode.OK)


async def test_header_names_are_canonical_and_repeated_ones_keep_all_values(host: Host) -> None:
    answer = await host.request("GET", "/headers")
    assert answer.status == 404
    assert answer.headers == {"X-One": ["1", "2"], "Set-Cookie": ["a=1", "b=2"], "Etag": ['"e"']}


async def test_only_the_first_message_has_a_head_and_only_the_last_is_the_end(host: Host) -> None:
    messages = (await host.request("GET", "/large")).messages
    assert [message.HasField("init") for message in messages] == [True] + [False] * (len(messages) - 1)
    assert [message.body_complete for message in messages] == [False] * (len(messages) - 1) + [True]


async def test_a_large_write_is_cut_into_messages_of_64_kib(host: Host) -> None:
    answer = await host.request("GET", "/large")
    assert len(answer.body) == 1024 * 1024 + 17
    assert max(len(message.body_chunk) for message in answer.messages) <= 64 * 1024


async def test_a_response_to_head_has_its_headers_and_no_body(host: Host) -> None:
    answer = await host.request("HEAD", "/sized")
    assert (answer.status, answer.headers, answer.body) == (200, {"Content-Length": ["4"]}, b"")
    assert answer.complete


# Failures


async def test_an_exception_before_the_response_is_a_bare_500(host: Host) -> None:
    answer = await host.request("GET", "/fail_before")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert (answer.complete, answer.code) == (True, grpc.StatusCode.OK)


async def test_an_exception_in_the_response_ends_the_call_out_of_order(host: Host) -> None:
    answer = await host.request("GET", "/fail_after")
    assert (answer.status, answer.body) == (200, b"begun")
    assert not answer.complete
    assert answer.code is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("url", ["/fail_before", "/fail_after"])
async def test_the_text_of_an_exception_is_in_the_log_and_nowhere_else(
    host: Host, shared: PluginProcess, url: str
) -> None:
    before = shared.log().count(SECRET)
    answer = await host.request("GET", url)
    assert SECRET not in str(answer)
    assert "ValueError" not in str(answer)
    assert shared.log().count(SECRET) > before


@pytest.mark.parametrize("status", [-1, 0, 42, 99, 100, 101, 199, 1000, 65535])
async def test_an_impossible_status_of_the_application_is_a_500(host: Host, status: int) -> None:
    answer = await host.request("GET", f"/bad_status?{status}")
    assert (answer.status, answer.body, answer.complete) == (500, b"Internal Server Error", True)


async def test_a_header_that_would_split_the_response_is_a_500(host: Host) -> None:
    answer = await host.request("GET", "/bad_header")
    assert (answer.status, answer.body, answer.complete) == (500, b"Internal Server Error", True)
    assert "stolen" not in str(answer)


# Cancellation


async def test_an_application_that_waits_learns_that_the_host_cancelled(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("GET", "/forever"), body_complete=True)
    assert await call.read_body(5) == b"first"
    call.cancel()
    async with asyncio.timeout(NOTICE_LIMIT):
        assert await last_events(host) == ["send failed", "disconnect"]


async def test_an_application_that_only_sends_learns_that_the_host_cancelled(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("GET", "/stubborn"), body_complete=True)
    assert await call.read_body(5) == b"first"
    call.cancel()
    async with asyncio.timeout(NOTICE_LIMIT):
        assert await last_events(host) == ["disconnect"]


async def test_a_generator_that_makes_the_body_is_closed_when_the_host_cancels(host: Host) -> None:
    call = host.serve_http()
    await call.send(init=init("GET", "/generated"), body_complete=True)
    assert await call.read_body(4) == b"more"
    call.cancel()
    async with asyncio.timeout(NOTICE_LIMIT):
        assert await last_events(host) == ["disconnect"]


async def test_a_host_that_vanishes_is_a_disconnect(host: Host, shared: PluginProcess) -> None:
    async with foreign_host.connected(shared.address) as other:
        call = other.serve_http()
        await call.send(init=init("GET", "/forever"), body_complete=True)
        assert await call.read_body(5) == b"first"
    async with asyncio.timeout(NOTICE_LIMIT):
        assert await last_events(host) == ["send failed", "disconnect"]
