"""ServeHTTP's messages by hand, held against the generated code."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import Body, Common, End, Part, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.grpc import hooks_common_pb2 as common_pb
from mattermost_plugin.grpc import hooks_http_pb2 as pb
from mattermost_plugin.serve_http.decoding import MOST_KNOWN, decode_request, decode_response
from mattermost_plugin.serve_http.encoding import encode_request, encode_response
from mattermost_plugin.serve_http.heads import canonical, utf8

NAMES = [b"accept", b"cookie", b"host", b"x-forwarded-proto", b"user-agent", b"x-1-two", b"etag", b"accept-language"]
values = st.sampled_from([b"", b"a", b"a; b=c", "é".encode(), b"\xe9", b"\xff\xfe", b"https", b"x" * 200])
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4)
bodies = st.lists(st.binary(max_size=300), max_size=3)
ports = st.integers(0, 65535)
addresses = st.one_of(st.none(), st.tuples(st.sampled_from(["10.0.0.1", "::1", "client.example"]), ports))
paths = st.sampled_from([b"/a/b?c=%20d", b"/", b"/a", b"//a/", b"/\xc3\xa9/b", b"/\xe9", b"/a/b/" + b"c" * 200])


@st.composite
def requests(draw: st.DrawFn) -> Request:
    target = draw(paths)
    length = draw(st.one_of(st.none(), st.integers(0, 2**40)))
    fields = draw(headers) + ([] if length is None else [(b"content-length", b"%d" % length)])
    return Request(
        draw(st.sampled_from(["GET", "POST", "PATCH", "DELETE", "X-OWN"])),
        target,
        draw(st.sampled_from([at for at in range(len(target)) if target[at : at + 1] == b"/"])),
        fields,
        draw(st.sampled_from(["http", "https"])),
        draw(st.sampled_from(["1.0", "1.1", "2"])),
        draw(addresses),
        request_id=draw(st.sampled_from([b"", b"request-1"])),
    )


def text(value: bytes) -> str:
    return utf8(value).decode()


def described(request: Request) -> pb.ServeHTTPRequestInit:
    """What the contract says of a request, by the generated code."""
    secure = request.scheme == "https"
    grouped: dict[bytes, list[str]] = {}
    for name, value in request.headers:
        if name != b"host" and not (secure and name == b"x-forwarded-proto"):
            grouped.setdefault(name, []).append(text(value))
    if secure:
        grouped[b"x-forwarded-proto"] = ["https"]
    major, _, minor = request.http_version.partition(".")
    length = request.header(b"content-length")
    unknown = 0 if request.method in ("GET", "DELETE") else -1
    host, port = request.client or ("", 0)
    return pb.ServeHTTPRequestInit(
        plugin_context=common_pb.PluginContext(
            request_id=text(request.request_id),
            ip_address=host,
            accept_language=text(request.header(b"accept-language") or b""),
            user_agent=text(request.header(b"user-agent") or b""),
        ),
        method=request.method,
        url=text(request.target[request.root_length :]) or "/",
        proto=f"HTTP/{major}.{minor or 0}",
        proto_major=int(major),
        proto_minor=int(minor or 0),
        headers=[pb.HTTPHeader(key=canonical(name).decode(), values=values) for name, values in grouped.items()],
        host=text(request.header(b"host") or b""),
        remote_addr=f"{f'[{host}]' if ':' in host else host}:{port}" if request.client else "",
        request_uri=text(request.target),
        content_length=unknown if length is None else int(length),
    )


def decoded_request(data: bytes) -> list[Part]:
    parts: list[Part] = []
    decode_request(parts, data)
    return parts


def decoded_response(data: bytes) -> list[Part]:
    parts: list[Part] = []
    decode_response(parts, data)
    return parts


@given(requests(), bodies, st.booleans())
def test_a_request_is_the_message_that_the_generated_code_would_make(
    request: Request, body: list[bytes], complete: bool
) -> None:
    message = pb.ServeHTTPRequest.FromString(b"".join(encode_request(request, body, complete)))
    assert message == pb.ServeHTTPRequest(init=described(request), body_chunk=b"".join(body), body_complete=complete)


@given(requests(), headers, st.lists(paths, min_size=1, max_size=3))
def test_requests_that_have_much_in_common_are_the_same_messages(
    request: Request, more: list[tuple[bytes, bytes]], targets: list[bytes]
) -> None:
    request.common = Common(list(request.headers))
    if request.request_id:
        more = [*more, (b"mattermost-user-id", b"somebody")]
    for number, target in enumerate(targets):
        request.target, request.root_length = target, 1
        request.request_id = b"request-%d" % number
        request.headers = [*request.common.fields, *more]
        message = pb.ServeHTTPRequest.FromString(b"".join(encode_request(request, (), True)))
        expected = described(request)
        assert sorted(message.init.headers, key=str) == sorted(expected.headers, key=str)
        for init in (message.init, expected):
            del init.headers[:]
        assert message.init == expected
        assert message.body_complete


@given(requests(), bodies, st.booleans())
def test_what_the_generated_code_makes_of_a_request_is_that_request(
    request: Request, body: list[bytes], complete: bool
) -> None:
    data = b"".join(body)
    message = pb.ServeHTTPRequest(init=described(request), body_chunk=data, body_complete=complete)
    head, *others = decoded_request(message.SerializeToString())
    assert isinstance(head, Request)
    again = described(head)
    if (b"x-forwarded-proto", b"https") not in head.headers:  # which says more than it said
        assert sorted(again.headers, key=str) == sorted(message.init.headers, key=str)
    for init in (again, message.init):
        del init.headers[:]
    assert again == message.init
    assert others == ([Body(data)] if data else []) + ([End()] if complete else [])


@given(st.integers(200, 999), headers, bodies, st.booleans())
def test_a_response_is_the_same_by_both(
    status: int, fields: list[tuple[bytes, bytes]], body: list[bytes], complete: bool
) -> None:
    encoded = b"".join(encode_response(Response(status, fields), body, complete))
    message = pb.ServeHTTPResponse.FromString(encoded)
    grouped: dict[bytes, list[str]] = {}
    for name, value in fields:
        grouped.setdefault(name, []).append(text(value))
    expected = [pb.HTTPHeader(key=canonical(name).decode(), values=values) for name, values in grouped.items()]
    init = pb.ServeHTTPResponseInit(status_code=status, headers=expected)
    data = b"".join(body)
    assert message == pb.ServeHTTPResponse(init=init, body_chunk=data, body_complete=complete, flush=not complete)
    flat = [(name, value.encode()) for name, entry in grouped.items() for value in entry]
    parts: list[Part] = [Response(status, flat)]
    parts += [Body(data)] if data else []
    parts += [End()] if complete else []
    assert decoded_response(message.SerializeToString()) == parts


@given(bodies, st.booleans())
def test_a_message_without_a_head_brings_none(body: list[bytes], complete: bool) -> None:
    data = b"".join(body)
    parts = ([Body(data)] if data else []) + ([End()] if complete else [])
    assert decoded_response(b"".join(encode_response(None, body, complete))) == parts
    assert decoded_request(b"".join(encode_request(None, body, complete))) == parts


def test_a_large_piece_of_body_is_not_copied() -> None:
    data = bytes(2**16)
    assert any(piece is data for piece in encode_request(None, [data], True))
    assert any(piece is data for piece in encode_response(None, [data], False))


def test_no_status_means_200() -> None:
    assert decoded_response(pb.ServeHTTPResponse(init=pb.ServeHTTPResponseInit()).SerializeToString()) == [
        Response(200, [])
    ]


@pytest.mark.parametrize("status", [-(2**31), -1, 1, 99, 100, 101, 199, 1000, 65535, 2**31 - 1])
def test_a_status_that_is_no_final_one_is_an_error(status: int) -> None:
    message = pb.ServeHTTPResponse(init=pb.ServeHTTPResponseInit(status_code=status))
    with pytest.raises(ExchangeReset, match=f"the impossible status {status}") as caught:
        decoded_response(message.SerializeToString())
    assert caught.value.code is ResetCode.PROTOCOL


def test_a_head_in_two_parts_is_one_as_protobuf_has_it() -> None:
    first = pb.ServeHTTPResponse(init=pb.ServeHTTPResponseInit(headers=[pb.HTTPHeader(key="A", values=["1", "2"])]))
    second = pb.ServeHTTPResponse(init=pb.ServeHTTPResponseInit(status_code=404))
    assert decoded_response(first.SerializeToString() + second.SerializeToString()) == [
        Response(404, [(b"a", b"1"), (b"a", b"2")])
    ]


def test_the_same_head_is_the_same_object_and_another_is_not() -> None:
    heads = []
    for number in range(2 * MOST_KNOWN):
        data = b"".join(encode_response(Response(200, [(b"x-number", b"%d" % number)]), (), False))
        [one], [other] = decoded_response(data), decoded_response(data)
        assert one is other
        heads.append(one)
    assert [head.headers for head in heads if isinstance(head, Response)] == [
        [(b"x-number", b"%d" % number)] for number in range(2 * MOST_KNOWN)
    ]


def test_fields_of_later_versions_are_passed_over() -> None:
    unknown = bytes((99 << 3 & 127 | 128, 6, 7)) + bytes((100 << 3 & 127 | 2 | 128, 6, 3)) + b"abc"
    message = pb.ServeHTTPResponse(init=pb.ServeHTTPResponseInit(status_code=201), body_complete=True)
    pb.ServeHTTPResponse.FromString(unknown + message.SerializeToString())
    assert decoded_response(unknown + message.SerializeToString() + unknown) == [Response(201, []), End()]
    request = pb.ServeHTTPRequest(body_chunk=b"x")
    assert decoded_request(unknown + request.SerializeToString()) == [Body(b"x")]


@given(st.binary(max_size=100))
def test_rubbish_is_an_error_or_what_the_generated_code_takes_it_for(rubbish: bytes) -> None:
    for decoded in (decoded_request, decoded_response):
        with contextlib.suppress(ExchangeReset):
            decoded(rubbish)
