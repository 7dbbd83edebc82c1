"""What a request's head must keep to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servehttp.front.http_limits import HttpLimits, has_body, origin_form

LIMITS = HttpLimits(max_header_bytes=1000, max_header_count=10, max_target_length=100)
HOST = (b"host", b"example.org")


def status(
    *headers: tuple[bytes, bytes], method: bytes = b"GET", target: bytes = b"/", version: str = "1.1"
) -> int | None:
    refusal = LIMITS.check_head(method, target, version, list(headers))
    return None if refusal is None else int(refusal.status)


def test_an_ordinary_request_passes() -> None:
    assert status(HOST, (b"accept", b"*/*"), target=b"/plugins/x/y?z=%20") is None


def test_a_limit_can_be_reached_but_not_passed() -> None:
    fill = 1000 - len(b"/") - len(b"hostexample.org: \r\n") - len(b"x: \r\n")
    assert status(HOST, (b"x", b"a" * fill)) is None
    assert status(HOST, (b"x", b"a" * (fill + 1))) == 431
    assert status(HOST, *[(b"x", b"")] * 9) is None
    assert status(HOST, *[(b"x", b"")] * 10) == 431
    assert status(HOST, target=b"/" + b"a" * 99) is None
    assert status(HOST, target=b"/" + b"a" * 100) == 414


@pytest.mark.parametrize(
    "host",
    [b"a", b"a:80", b"127.0.0.1:8065", b"[::1]", b"[fe80::1]:80", b"xn--bcher-kva.example", b"my_host", b"", b"a:"],
)
def test_a_valid_host_passes(host: bytes) -> None:
    assert status((b"host", host)) is None


@pytest.mark.parametrize(
    "host", [b"a b", b"a, b", b"a/b", b"u@a", b"a:b", b"[::1", b"a?", b"\xff", b"a\tb", b"a:80:80"]
)
def test_an_invalid_host_is_refused(host: bytes) -> None:
    assert status((b"host", host)) == 400


def test_there_is_exactly_one_host() -> None:
    assert status() == 400
    assert status(HOST, HOST) == 400
    assert status(version="1.0") is None
    assert status(HOST, HOST, version="1.0") == 400


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
def test_other_versions_of_http_are_refused(version: str) -> None:
    assert status(HOST, version=version) == 505


@pytest.mark.parametrize("target", [b"", b"a", b"?a", b"*", b"/a#b", b"ftp://example.org/", b"http://other/", b"a:443"])
def test_a_target_that_is_not_ours_is_refused(target: bytes) -> None:
    assert status(HOST, target=target) == 400


def test_options_may_ask_about_the_whole_server() -> None:
    assert status(HOST, method=b"OPTIONS", target=b"*") is None


def test_a_tunnel_is_refused() -> None:
    assert status(HOST, method=b"CONNECT", target=b"example.org:443") == 501


def test_a_target_in_absolute_form_is_taken_in_origin_form() -> None:
    for absolute, origin in {
        b"http://example.org/x?y": b"/x?y",
        b"HTTPS://Example.org": b"/",
        b"http://example.org?y": b"/?y",
    }.items():
        assert status(HOST, target=absolute) is None
        assert origin_form(absolute) == origin
    assert origin_form(b"//other/x") == b"//other/x"


@pytest.mark.parametrize(
    ("headers", "version", "expected"),
    [
        ([(b"transfer-encoding", b"Chunked")], "1.1", None),
        ([(b"transfer-encoding", b"chunked")], "1.0", 400),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"3")], "1.1", 400),
        ([(b"transfer-encoding", b"gzip, chunked")], "1.1", 501),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], "1.1", 501),
        ([(b"content-length", b"3")], "1.1", None),
    ],
)
def test_a_body_has_one_length(headers: list[tuple[bytes, bytes]], version: str, expected: int | None) -> None:
    assert status(HOST, *headers, version=version) == expected


def test_a_body_is_known_by_its_framing() -> None:
    assert has_body([(b"content-length", b"1")])
    assert has_body([(b"transfer-encoding", b"chunked")])
    assert not has_body([HOST, (b"content-length", b"0")])


@given(
    method=st.binary(),
    target=st.binary(max_size=120),
    version=st.sampled_from(["1.0", "1.1"]),
    headers=st.lists(st.tuples(st.sampled_from([b"host", b"transfer-encoding", b"x"]), st.binary(max_size=200))),
)
def test_whatever_arrives_is_refused_or_within_the_limits(
    method: bytes, target: bytes, version: str, headers: list[tuple[bytes, bytes]]
) -> None:
    refusal = LIMITS.check_head(method, target, version, headers)
    if refusal is None:
        assert len(headers) <= 10
        assert sum(len(name) + len(value) + 4 for name, value in headers) + len(target) <= 1000
        assert [name for name, _ in headers].count(b"host") <= 1
        assert origin_form(target).startswith((b"/", b"*"))
    else:
        assert refusal.status in (400, 414, 431, 501)
