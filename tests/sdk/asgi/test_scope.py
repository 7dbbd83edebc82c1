"""Requests to ASGI connection scopes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin.asgi.scope import STOPPING_EXTENSION, connection_scope
from mattermost_plugin.exchange import Request
from mattermost_plugin.request_id import request_id_of
from mattermost_plugin.types import Scope


def scope_of(request: Request, state: dict[str, Any] | None = None) -> Scope:
    scope = connection_scope(request, state or {}, asyncio.Event())
    del scope["extensions"][STOPPING_EXTENSION]
    return scope


def test_a_request_is_told_as_it_came() -> None:
    request = Request(
        "PATCH",
        b"/plugins/x/a/b?c=d&c=%20",
        root_length=10,
        headers=[(b"b", b"1"), (b"a", b"\xe9"), (b"b", b"2")],
        scheme="https",
        http_version="2",
        client=("192.0.2.1", 4321),
        server=("198.51.100.1", 443),
    )
    assert scope_of(request) == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "2",
        "method": "PATCH",
        "scheme": "https",
        "path": "/plugins/x/a/b",
        "raw_path": b"/plugins/x/a/b",
        "query_string": b"c=d&c=%20",
        "root_path": "/plugins/x",
        "headers": [(b"b", b"1"), (b"a", b"\xe9"), (b"b", b"2")],
        "client": ("192.0.2.1", 4321),
        "server": ("198.51.100.1", 443),
        "state": {},
        "extensions": {},
    }


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/", "/", b"/", b""),
        (b"/a%20b", "/a b", b"/a%20b", b""),
        (b"/a%2Fb", "/a/b", b"/a%2Fb", b""),
        (b"/%E2%82%AC", "/€", b"/%E2%82%AC", b""),
        (b"/%ff", "/\ufffd", b"/%ff", b""),
        (b"/a+b", "/a+b", b"/a+b", b""),
        (b"/a?", "/a", b"/a", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"/a?b=%2F", "/a", b"/a", b"b=%2F"),
        (b"/a%3Fb", "/a?b", b"/a%3Fb", b""),
        (b"//a", "//a", b"//a", b""),
        (b"/\xc3\xa9", "/\ufffd\ufffd", b"/\xc3\xa9", b""),
        (b"*", "*", b"*", b""),
    ],
)
def test_paths_are_decoded_and_kept_raw_beside(target: bytes, path: str, raw_path: bytes, query: bytes) -> None:
    scope = scope_of(Request("GET", target))
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


def test_the_root_path_is_decoded_and_the_path_includes_it() -> None:
    scope = scope_of(Request("GET", b"/my%20app/a", root_length=9))
    assert scope["root_path"] == "/my app"
    assert scope["path"] == "/my app/a"
    assert scope["raw_path"] == b"/my%20app/a"


def test_without_a_mount_the_root_path_is_empty() -> None:
    assert scope_of(Request("GET", b"/a"))["root_path"] == ""


def test_nobody_knows_a_client_or_server_that_was_not_named() -> None:
    scope = scope_of(Request("GET", b"/"))
    assert scope["client"] is None
    assert scope["server"] is None


def test_a_unix_socket_is_a_path_without_a_port() -> None:
    assert scope_of(Request("GET", b"/", server=("/run/gateway.sock", 0)))["server"] == ("/run/gateway.sock", None)


def test_each_request_has_its_own_copy_of_the_state() -> None:
    shared: dict[str, Any] = {"list": []}
    first, second = scope_of(Request("GET", b"/"), shared), scope_of(Request("GET", b"/"), shared)
    first["state"]["mine"] = 1
    assert second["state"] == shared == {"list": []}
    assert first["state"]["list"] is second["state"]["list"], "the copy is shallow"


def test_scopes_share_nothing_that_an_application_may_change() -> None:
    request = Request("GET", b"/", headers=[(b"a", b"b")], trailers=True)
    first, second = scope_of(request), scope_of(request)
    first["headers"].append((b"c", b"d"))
    first["asgi"]["version"] = "?"
    first["extensions"]["mine"] = {}
    assert second["headers"] == list(request.headers) == [(b"a", b"b")]
    assert second["asgi"]["version"] == "3.0"
    assert second["extensions"] == {"http.response.trailers": {}}


@pytest.mark.parametrize(
    ("request_", "extensions"),
    [
        (Request("GET", b"/"), {}),
        (Request("GET", b"/", trailers=True), {"http.response.trailers": {}}),
        (Request("GET", b"/", early_hints=True), {"http.response.early_hint": {}}),
    ],
)
def test_only_what_can_travel_further_is_offered(request_: Request, extensions: dict[str, Any]) -> None:
    assert scope_of(request_)["extensions"] == extensions


WEBSOCKET = Request("GET", b"/ws", websocket=True)


@pytest.mark.parametrize("websocket", [False, True])
def test_the_id_of_a_request_is_an_extension_and_no_header(websocket: bool) -> None:
    scope = scope_of(Request("GET", b"/", websocket=websocket, request_id=b"r-1"))
    assert scope["extensions"]["servehttp.request_id"] == {"id": "r-1"}
    assert request_id_of(scope) == "r-1"
    assert not any(name == b"x-request-id" for name, _ in scope["headers"])
    assert request_id_of(scope_of(Request("GET", b"/", websocket=websocket))) == ""


def test_a_websocket_has_a_scope_of_its_own() -> None:
    scope = scope_of(replace(WEBSOCKET, trailers=True))
    assert scope["type"] == "websocket"
    assert "method" not in scope
    assert scope["subprotocols"] == []
    assert scope["extensions"] == {"websocket.http.response": {}}


def test_a_websocket_has_the_headers_of_its_handshake_which_did_not_travel() -> None:
    headers = [(b"host", b"test"), (b"sec-websocket-version", b"13")]
    request = replace(WEBSOCKET, headers=headers)
    assert scope_of(request)["headers"] == [*headers, (b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
    assert request.headers == headers


@pytest.mark.parametrize(("scheme", "told"), [("http", "ws"), ("https", "wss"), ("wss", "wss")])
def test_a_websocket_has_a_scheme_of_its_own(scheme: str, told: str) -> None:
    assert scope_of(replace(WEBSOCKET, scheme=scheme))["scheme"] == told


def test_subprotocols_are_listed_in_order() -> None:
    headers = [(b"sec-websocket-protocol", b"chat, superchat ,"), (b"x", b"y"), (b"sec-websocket-protocol", b"v2")]
    assert scope_of(replace(WEBSOCKET, headers=headers))["subprotocols"] == ["chat", "superchat", "v2"]
