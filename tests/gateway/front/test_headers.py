"""What passes to a plugin and back: the rules of `servehttp.front.headers` and `servehttp.front.peers`."""

from __future__ import annotations

import ipaddress
import re
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import Headers, Request, Response
from mattermost_plugin.headers import InvalidHeader
from servehttp.front.headers import RequestHeaders, response_head
from servehttp.front.peers import MOST_HOPS, TrustedProxies, address_of

ID = b"request-1"
PEER = ("10.0.0.1", 1234)


def passed(*headers: tuple[bytes, bytes], trusted: bool = False) -> list[tuple[bytes, bytes]]:
    kept, _ = to_plugin(headers, trusted=trusted)
    return [*kept]


def to_plugin(headers: Headers, *, trusted: bool) -> tuple[Headers, bytes]:
    request = Request("GET", b"/")
    request_id = RequestHeaders(headers, trusted=trusted).apply(request)
    assert request.request_id == request_id
    return request.headers, request_id


def to_client(response: Response, request_id: bytes) -> tuple[Headers, int | None]:
    head = response_head(response)
    headers = head.headers_for(request_id)
    line, _, lines = head.lines_for(request_id).partition(b"\r\n")
    assert line == f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}".encode()
    assert lines == b"".join(b"%b: %b\r\n" % header for header in headers)
    return headers, head.length


def test_order_and_repeats_are_kept() -> None:
    headers = [(b"host", b"h"), (b"cookie", b"a=1"), (b"accept", b"*/*"), (b"cookie", b"b=2")]
    assert passed(*headers) == headers


@pytest.mark.parametrize(
    "name", [b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"]
)
def test_hop_by_hop_headers_stay_behind(name: bytes) -> None:
    assert passed((name, b"x"), (b"accept", b"*/*")) == [(b"accept", b"*/*")]


def test_headers_that_connection_names_stay_behind_but_never_host_or_length() -> None:
    kept = passed(
        (b"host", b"h"),
        (b"connection", b"close, X-Private"),
        (b"connection", b"host, content-length"),
        (b"x-private", b"1"),
        (b"content-length", b"3"),
    )
    assert kept == [(b"host", b"h"), (b"content-length", b"3")]


@pytest.mark.parametrize(
    "name", [b"mattermost-user-id", b"mattermost_user_id", b"mattermost-user_id", b"mattermost-plugin-id"]
)
@pytest.mark.parametrize("trusted", [True, False])
def test_nobody_says_of_himself_who_he_is(name: bytes, trusted: bool) -> None:
    assert passed((name, b"admin"), (name, b"root"), (b"accept", b"*/*"), trusted=trusted) == [(b"accept", b"*/*")]


FORWARDING = [
    b"forwarded",
    b"x-real-ip",
    *(b"x-forwarded" + rest for rest in (b"", b"-for", b"-host", b"-port", b"-proto", b"-prefix", b"-ssl", b"-user")),
]


@pytest.mark.parametrize("name", [*FORWARDING, *(name.replace(b"-", b"_") for name in FORWARDING), b"x_forwarded-for"])
def test_forwarded_headers_pass_from_trusted_peers_only(name: bytes) -> None:
    header = (name, b"6.6.6.6")
    assert passed(header) == []
    assert passed(header, trusted=True) == [header]


@pytest.mark.parametrize("name", [b"x-forward", b"x-real-ip-2", b"x-original-forwarded-for", b"x_my_own"])
def test_what_only_looks_like_a_forwarded_header_passes(name: bytes) -> None:
    assert passed((name, b"1")) == [(name, b"1")]


@pytest.mark.parametrize("given", [[b"abc-123"], [b"has space", b"abc-123"], [b"abc-123", b"other"]])
def test_a_clients_own_request_id_is_the_requests_and_stays_in_its_headers(given: list[bytes]) -> None:
    headers = [(b"x-request-id", value) for value in given]
    assert to_plugin(headers, trusted=False) == (headers, b"abc-123")


@pytest.mark.parametrize("given", [b"has space", b"", b"x" * 129, b"\xff"])
def test_what_cannot_be_an_id_is_a_header_like_any_other(given: bytes) -> None:
    kept, request_id = to_plugin([(b"x-request-id", given)], trusted=False)
    assert kept == [(b"x-request-id", given)]
    assert re.fullmatch(rb"[0-9a-f]{20}", request_id)


def test_no_header_is_added() -> None:
    assert passed() == []


def test_two_requests_get_different_ids() -> None:
    assert to_plugin([], trusted=False)[1] != to_plugin([], trusted=False)[1]


def test_a_response_gets_date_and_request_id_unless_it_has_them() -> None:
    headers, length = to_client(Response(200, [(b"Content-Length", b"17")]), ID)
    assert length == 17
    assert dict(headers).keys() == {b"content-length", b"x-request-id", b"date"}
    headers, _ = to_client(Response(200, [(b"date", b"then"), (b"x-request-id", b"mine")]), ID)
    assert dict(headers) == {b"date": b"then", b"x-request-id": b"mine"}


def test_framing_is_not_the_plugins_business() -> None:
    response = Response(200, [(b"transfer-encoding", b"chunked"), (b"connection", b"x-own"), (b"x-own", b"1")])
    assert {name for name, _ in to_client(response, ID)[0]} == {b"x-request-id", b"date"}


def test_a_length_on_204_is_dropped() -> None:
    assert b"content-length" not in dict(to_client(Response(204, [(b"content-length", b"0")]), ID)[0])


@pytest.mark.parametrize(
    "header",
    [
        (b"x-split", b"a\r\nset-cookie: b"),
        (b"x-nul", b"\0"),
        (b"bad name", b"x"),
        (b"", b"x"),
        (b"content-length", b"-1"),
        (b"content-length", b"1e3"),
    ],
)
def test_headers_that_could_split_or_confuse_are_refused_by_name(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(InvalidHeader):
        to_client(Response(200, [header]), ID)


def test_two_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidHeader):
        to_client(Response(200, [(b"content-length", b"1"), (b"content-length", b"2")]), ID)


@pytest.mark.parametrize(
    ("networks", "host", "trusted"),
    [
        ((), "127.0.0.1", False),
        (("127.0.0.1",), "127.0.0.1", True),
        (("10.0.0.0/8",), "10.9.8.7", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("::1",), "::1", True),
        (("*",), "anything", True),
        (("10.0.0.0/8",), "::ffff:10.9.8.7", True),
        (("10.0.0.0/8",), "::ffff:11.9.8.7", False),
        (("2001:db8::/32",), "2001:0DB8:0::1", True),
        (("10.0.0.0/8",), "no-address", False),
    ],
)
def test_who_is_trusted(networks: tuple[str, ...], host: str, trusted: bool) -> None:
    assert TrustedProxies(networks).trusts(host) is trusted


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (b"1.2.3.4", "1.2.3.4"),
        (b"6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (b"1.2.3.4, 10.0.0.7", "1.2.3.4"),
        (b"10.0.0.9, 10.0.0.7", "10.0.0.9"),
        (b"2001:db8::1", "2001:db8::1"),
        # as proxies write it
        (b"1.2.3.4:5678", "1.2.3.4"),
        (b"6.6.6.6:1, 1.2.3.4:5678, 10.0.0.7:443", "1.2.3.4"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"[2001:DB8:0::1]:5678, 10.0.0.7", "2001:db8::1"),
        (b"::ffff:1.2.3.4, [::ffff:10.0.0.7]:1", "1.2.3.4"),
        (b'"[2001:db8::1]:80"', "2001:db8::1"),
        (b"1.2.3.4,,10.0.0.7,", "1.2.3.4"),
        # who is behind a proxy of ours is not told: it is all that is known
        (b"6.6.6.6, unknown, 10.0.0.7", "10.0.0.7"),
        (b"6.6.6.6, _hidden, 10.0.0.7", "10.0.0.7"),
        (b"6.6.6.6, unknown", PEER[0]),
        (b"1.2.3.4.5", PEER[0]),
        (b"1.2.3.4:99999999", PEER[0]),
        (b"example.com", PEER[0]),
        (b"", PEER[0]),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy_of_ours(chain: bytes, client: str) -> None:
    address, _ = TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", [(b"x-forwarded-for", chain)])
    assert address == (PEER if client == PEER[0] else (client, 0))


@pytest.mark.parametrize(
    ("chain", "client", "scheme"),
    [
        (b"for=1.2.3.4", "1.2.3.4", "http"),
        (b"For=1.2.3.4;Proto=HTTPS;by=203.0.113.43", "1.2.3.4", "https"),
        (b'for="1.2.3.4:5678"', "1.2.3.4", "http"),
        (b"for=1.2.3.4:5678", "1.2.3.4", "http"),
        (b'for="1.2.3.4:_port"; proto=https', "1.2.3.4", "https"),
        (b'for="[2001:DB8:cafe::17]"', "2001:db8:cafe::17", "http"),
        (b'host="a, b" ; for="[2001:db8::17]:4711" ;; proto="https"', "2001:db8::17", "https"),
        (b'for="[2001:db8::\\17]"', "2001:db8::17", "http"),
        (b"for=6.6.6.6;proto=https, for=1.2.3.4;proto=http, for=10.0.0.7;proto=https", "1.2.3.4", "http"),
        (b"for=1.2.3.4;proto=https, for=10.0.0.7", "1.2.3.4", "https"),
        (b"for=6.6.6.6, for=unknown;proto=https", PEER[0], "https"),
        (b"for=6.6.6.6, for=_SEVKISEK, for=10.0.0.7", "10.0.0.7", "http"),
        (b"for=6.6.6.6, proto=https", PEER[0], "https"),
        (b'for="6.6.6.6, for=1.2.3.4', "1.2.3.4", "http"),
        (b'for=6.6.6.6;", for=1.2.3.4, for=10.0.0.7', "1.2.3.4", "http"),
        (b"1.2.3.4", PEER[0], "http"),
        (b'for="1.2.3.4', PEER[0], "http"),
    ],
)
def test_the_chain_may_be_in_forwarded_as_well(chain: bytes, client: str, scheme: str) -> None:
    found = TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", [(b"forwarded", chain)])
    assert found == ((PEER if client == PEER[0] else (client, 0)), scheme)


def test_forwarded_counts_only_where_no_x_forwarded_for_does() -> None:
    headers = [(b"forwarded", b"for=6.6.6.6;proto=https"), (b"x-forwarded-for", b"1.2.3.4")]
    assert TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", headers) == (("1.2.3.4", 0), "http")


def test_a_chain_may_be_in_several_headers() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4:1"), (b"x-forwarded-for", b"10.0.0.7")]
    assert TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", headers)[0] == ("1.2.3.4", 0)


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"forwarded"])
def test_no_more_than_so_many_hops_are_looked_at(name: bytes) -> None:
    prefix = b"for=" if name == b"forwarded" else b""
    chain = b",".join(prefix + b"10.0.%d.%d" % divmod(number, 256) for number in range(4000))
    high, low = divmod(4000 - MOST_HOPS, 256)
    client, _ = TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", [(name, chain)])
    assert client == (f"10.0.{high}.{low}", 0)


@given(st.binary(max_size=60), st.sampled_from([b"x-forwarded-for", b"forwarded"]))
def test_nothing_that_a_client_writes_changes_what_the_proxies_add(written: bytes, name: bytes) -> None:
    added = b"for=1.2.3.4, for=10.0.0.7" if name == b"forwarded" else b"1.2.3.4:5, 10.0.0.7"
    headers = [(name, written + b", " + added)]
    assert TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", headers)[0] == ("1.2.3.4", 0)


@given(st.binary(max_size=200))
def test_a_node_is_an_address_or_none(node: bytes) -> None:
    address = address_of(node)
    assert address is None or str(ipaddress.ip_address(address)) == address


@pytest.mark.parametrize(
    ("protos", "scheme"),
    [(b"https", "https"), (b"https, http, http", "http"), (b"http, https, http", "https"), (b"https, http", "https")],
)
def test_the_scheme_is_that_of_the_client_and_not_of_a_proxy(protos: bytes, scheme: str) -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6, 1.2.3.4, 10.0.0.7"), (b"x-forwarded-proto", protos)]
    assert TrustedProxies(["10.0.0.0/8"]).resolve(PEER, "http", headers) == (("1.2.3.4", 0), scheme)


def test_the_scheme_is_the_proxys_when_it_is_one() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    assert proxies.resolve(PEER, "http", [(b"x-forwarded-proto", b"https")]) == (PEER, "https")
    assert proxies.resolve(PEER, "http", [(b"x-forwarded-proto", b"javascript")]) == (PEER, "http")
    assert proxies.resolve(PEER, "http", []) == (PEER, "http")
