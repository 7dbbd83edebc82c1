"""Which plugin a path is for: the rules of `servehttp.front.routing`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servehttp.front.routing import Route, find_route
from servehttp.request_rules import BadPath


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (b"/plugins/com.example.hello/hello/world", Route("com.example.hello", 26)),
        (b"/plugins/com.example.hello/", Route("com.example.hello", 26)),
        (b"/plugins/com.example.hello", Route("com.example.hello", 26)),
        (b"/plugins/a/plugins/b", Route("a", 10)),
        (b"/plugins/com%2Eexample/x", Route("com%2Eexample", 22)),
        (b"/plugins/a/b%2fc//d", Route("a", 10)),
        (b"/plugins/a/...", Route("a", 10)),
        (b"/plugins/a/.well-known/x", Route("a", 10)),
    ],
)
def test_the_segment_after_the_prefix_names_the_plugin_literally(path: bytes, route: Route) -> None:
    assert find_route(path) == route


@pytest.mark.parametrize(
    "path", [b"/", b"/plugins", b"/plugins/", b"/plugins//a", b"/Plugins/a/", b"/api/plugins/a/", b"//plugins/a/", b"*"]
)
def test_other_paths_are_no_plugins(path: bytes) -> None:
    assert find_route(path) is None


@pytest.mark.parametrize(
    "path",
    [
        b"/plugins/a/../b/secret",
        b"/plugins/a/..",
        b"/plugins/../etc",
        b"/plugins/a/./b",
        b"/plugins/a/%2e%2e/b/",
        b"/plugins/a/.%2E/b/",
        b"/plugins/a/%2E/b/",
        b"/plugins/a%00b/",
        b"/plugins/a/x%00.png",
    ],
)
def test_dot_segments_and_nul_are_refused_encoded_or_not(path: bytes) -> None:
    with pytest.raises(BadPath):
        find_route(path)


def test_a_gateway_that_is_mounted_itself_looks_behind_its_own_prefix() -> None:
    assert find_route(b"/gw/plugins/a/x", root_length=3) == Route("a", 13)
    assert find_route(b"/gw/plugins/a/x") is None


@given(st.binary(max_size=60))
def test_whatever_the_path_the_root_ends_with_the_id_it_names(tail: bytes) -> None:
    path = b"/plugins/" + tail
    try:
        route = find_route(path)
    except BadPath:
        return
    assert (route is None) == (tail[:1] in (b"", b"/"))
    if route is None:
        return
    root, rest = path[: route.root_length], path[route.root_length :]
    assert root == b"/plugins/" + route.plugin_id.encode("latin-1")
    assert rest == b"" or rest.startswith(b"/")
