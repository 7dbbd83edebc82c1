"""What a ServeHTTP handler is given: the reference's request."""

from __future__ import annotations

import pytest

from mattermost_plugin.grpc.hooks_common_pb2 import PluginContext
from mattermost_plugin.serve_http.request import BodyTooLarge
from mattermost_plugin.servicers.hooks_servicer import HTTPRequest

pytestmark = pytest.mark.anyio


async def test_a_request_has_what_the_reference_gives_it() -> None:
    context = PluginContext(request_id="r")
    request = HTTPRequest(
        method="POST",
        url="/a?b=c",
        proto="HTTP/2.0",
        proto_major=2,
        proto_minor=0,
        headers={"Content-Type": ["text/plain"], "X-Many": ["1", "2"]},
        host="example.com",
        remote_addr="10.0.0.1:5",
        request_uri="/plugins/p/a?b=c",
        content_length=4,
        plugin_context=context,
        body=b"body",
    )
    assert (request.method, request.url, request.request_uri) == ("POST", "/a?b=c", "/plugins/p/a?b=c")
    assert (request.proto, request.proto_major, request.proto_minor) == ("HTTP/2.0", 2, 0)
    assert (request.host, request.remote_addr, request.content_length) == ("example.com", "10.0.0.1:5", 4)
    assert request.plugin_context is context
    assert request.get_header("content-TYPE") == "text/plain"
    assert request.get_header("x-none") == ""
    assert request.get_header("x-none", "default") == "default"
    assert request.get_all_headers("x-many") == ["1", "2"]
    assert request.get_all_headers("x-none") == []
    assert request.body == b"body"


async def test_a_body_is_read_as_a_whole_in_parts_and_in_pieces() -> None:
    def request() -> HTTPRequest:
        return HTTPRequest(body=iter([b"abc", b"", b"defg", b"h"]))

    whole = request()
    assert (whole.body, whole.body, whole.read(3), whole.read()) == (b"abcdefgh", b"abcdefgh", b"abc", b"defgh")
    parts = request()
    assert [parts.read(n) for n in (2, 0, 4, 9, 1)] == [b"ab", b"", b"cdef", b"gh", b""]
    mixed = request()
    assert mixed.read(2) == b"ab"
    assert list(mixed) == [b"c", b"defg", b"h"]
    with pytest.raises(RuntimeError, match="was read before"):
        _ = mixed.body


async def test_a_body_that_is_too_large_is_not_kept_as_a_whole() -> None:
    mebibyte = bytes(1024 * 1024)
    with pytest.raises(BodyTooLarge, match=r"request\.read"):
        _ = HTTPRequest(body=iter([mebibyte] * 17)).body
    assert len(HTTPRequest(body=iter([mebibyte] * 17)).read()) == 17 * 1024 * 1024
