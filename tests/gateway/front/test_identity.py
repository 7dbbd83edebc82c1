"""Who sends a request: what is taken out of it, and when a plugin is told of a user."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.exchange import Request
from mattermost_plugin.types import Event, Receive
from servehttp.front.credentials import MOST_LOOKS, TooManyTokens, identify, identify_at_once
from servehttp.front.forms import LOOK
from servehttp.front.headers import RequestHeaders
from servehttp.identity import NOBODY, UNKNOWN, Cached, Caller
from support.forms import MULTIPART, Field, cut, multipart

pytestmark = pytest.mark.anyio

ADA = Caller("ada", "a-csrf")
FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
COOKIE = (b"cookie", b"theme=dark; MMAUTHTOKEN=good; lang=en")


class Tokens:
    """Knows one token that counts and one that has ended, at once or after a look."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.looks = 0

    def cached(self, token: str) -> Cached:
        return self._caller(token) if self.at_once else UNKNOWN

    async def lookup(self, token: str) -> Caller | None:
        self.looks += 1
        return self._caller(token)

    trouble: str | None = None

    async def manages(self, user_id: str) -> bool:
        return False

    def _caller(self, token: str) -> Caller | None:
        return {"good": ADA, "ended": NOBODY}.get(token)


def request(
    *headers: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/plugins/p/", websocket: bool = False
) -> Request:
    return Request(method, target, headers=list(headers), websocket=websocket)


def body(*pieces: bytes) -> Receive:
    """A request body that comes in these pieces."""
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]

    async def receive() -> Event:
        return waiting.pop(0)

    return receive


async def everything(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


def user(request: Request) -> str | None:
    found = request.header(b"mattermost-user-id")
    return found.decode() if found is not None else None


async def told_user(asked: Request, *pieces: bytes) -> str | None:
    """The user that a plugin is told of; the body must arrive as it was."""
    receive = await identify(asked, Tokens(), body(*(pieces or (b"",))))
    assert await everything(receive) == b"".join(pieces)
    return user(asked)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer good")], b""),
        ([(b"authorization", b"BEARER good")], b""),
        ([(b"authorization", b"Token good")], b""),
        ([COOKIE], b""),
        ([(b"cookie", b'MMAUTHTOKEN="good"')], b""),
        ([], b"?access_token=good"),
        ([], b"?access_token=%67ood"),
        ([], b"?a=b&%61ccess%5Ftoken=good"),
        ([(b"authorization", b"Bearer good"), (b"cookie", b"MMAUTHTOKEN=good")], b"?access_token=ended"),
        ([(b"authorization", b"Bearer ended"), (b"cookie", b"MMAUTHTOKEN=good")], b"?access_token=good"),
        ([(b"cookie", b"MMAUTHTOKEN=ended; MMAUTHTOKEN=good"), (b"cookie", b"MMAUTHTOKEN=good")], b""),
        ([(b"authorization", b"Basic YTpi")], b"?access_token=good"),
        ([(b"authorization", b"Bearer my.own.jwt"), COOKIE], b""),
        ([COOKIE, (b"referer", b"https://chat/plugins/p/?access_token=good")], b""),
    ],
)
async def test_a_token_tells_the_plugin_its_user_and_does_not_arrive(
    headers: Iterable[tuple[bytes, bytes]], query: bytes
) -> None:
    asked = request(*headers, target=b"/plugins/p/" + query)
    assert identify_at_once(asked, Tokens(), has_body=False)
    assert user(asked) == "ada"
    arrived = asked.target + b"".join(value for _, value in asked.headers)
    assert not any(token in arrived for token in (b"good", b"%67ood", b"ended"))


async def test_what_is_no_token_stays() -> None:
    asked = request(
        (b"authorization", b"Basic YTpi"), COOKIE, target=b"/plugins/p/?a=%20b&access_token=good&access_token=x&c"
    )
    assert await told_user(asked) == "ada"
    assert list(asked.headers) == [
        (b"authorization", b"Basic YTpi"), (b"cookie", b"theme=dark; lang=en"), (b"mattermost-user-id", b"ada"),
    ]  # fmt: skip
    assert asked.target == b"/plugins/p/?a=%20b&access_token=x&c"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer my.jwt")], b""),
        ([(b"authorization", b"Token  my own")], b""),
        ([(b"authorization", b"Bearer")], b""),
        ([(b"cookie", b"flag; MMAUTHTOKEN=other;b=;  c==d")], b""),
        ([(b"cookie", b"MMAUTHTOKEN"), (b"cookie", b"; ;")], b""),
        ([], b"?access_token=foreign&a"),
        ([], b"?"),
        ([], b"access_token=good"),
        ([(b"referer", b"https://chat/?access_token=foreign")], b""),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_tokens_of_the_plugins_own_arrive_byte_for_byte(
    headers: list[tuple[bytes, bytes]], query: bytes, at_once: bool
) -> None:
    asked = request(*headers, target=b"/plugins/p/" + query)
    if at_once:
        assert identify_at_once(asked, Tokens(), has_body=False)
    else:
        await identify(asked, Tokens(at_once=False), body(b""))
    assert (list(asked.headers), asked.target) == (headers, b"/plugins/p/" + query)


async def test_a_token_that_has_ended_is_nobodys_and_does_not_arrive_either() -> None:
    asked = request((b"authorization", b"Bearer ended"), (b"accept", b"*/*"))
    assert await told_user(asked) is None
    assert list(asked.headers) == [(b"accept", b"*/*")]


PAIRS = st.lists(st.binary(max_size=6).filter(lambda pair: b";" not in pair), min_size=1, max_size=5)


@given(before=PAIRS, after=PAIRS)
async def test_taking_a_login_out_of_the_cookies_leaves_the_others_as_they_were(
    before: list[bytes], after: list[bytes]
) -> None:
    asked = request((b"cookie", b"; ".join([b"a", *before, b"MMAUTHTOKEN=good", *after])))
    assert await told_user(asked) == "ada"
    assert asked.header(b"cookie") == b"; ".join([b"a", *before, *after])


async def test_the_referer_stays_unless_a_token_came_with_it() -> None:
    referer = (b"referer", b"https://chat/plugins/p/")
    with_cookie, without = request(COOKIE, referer), request((b"cookie", b"theme=dark"), referer)
    for asked in (with_cookie, without):
        assert identify_at_once(asked, Tokens(), has_body=False)
    assert with_cookie.header(b"referer") is None
    assert without.header(b"referer") == referer[1]


@pytest.mark.parametrize("parameter", [b"access_token=good", b"access%5Ftoken=good", b"a=%20&%61ccess_token=%67ood"])
async def test_a_referer_shows_nobody_but_takes_a_token_nowhere(parameter: bytes) -> None:
    referer = (b"referer", b"https://chat/plugins/p/?" + parameter)
    asked = request(referer, (b"accept", b"*/*"))
    assert RequestHeaders([referer], trusted=False).may_identify
    assert await told_user(asked) is None
    assert list(asked.headers) == [(b"accept", b"*/*")]


async def test_a_request_with_very_many_tokens_is_not_looked_at() -> None:
    cookies = b"; ".join(b"MMAUTHTOKEN=t%d" % number for number in range(MOST_LOOKS + 1))
    tokens = Tokens(at_once=False)
    with pytest.raises(TooManyTokens):
        await identify(request((b"cookie", cookies)), tokens, body(b""))
    assert tokens.looks == MOST_LOOKS


async def test_a_request_without_a_token_is_left_as_it_is() -> None:
    tokens = Tokens(at_once=False)
    asked = request((b"cookie", b"theme=dark"), target=b"/plugins/p/?access=1")
    headers = asked.headers
    assert identify_at_once(asked, tokens, has_body=False)
    assert asked.headers is headers
    assert tokens.looks == 0


async def test_a_token_that_is_not_known_yet_waits_for_one_look() -> None:
    tokens = Tokens(at_once=False)
    asked = request((b"authorization", b"Bearer good"))
    assert not identify_at_once(asked, tokens, has_body=False)
    assert user(asked) is None
    await identify(asked, tokens, body(b""))
    assert (user(asked), tokens.looks) == ("ada", 1)


@pytest.mark.parametrize(
    ("method", "header", "told"),
    [
        ("GET", None, "ada"),
        ("POST", None, None),
        ("DELETE", None, None),
        ("POST", (b"x-csrf-token", b"a-csrf"), "ada"),
        ("POST", (b"x-csrf-token", b"another"), None),
        ("POST", (b"x-requested-with", b"XMLHttpRequest"), "ada"),
        ("POST", (b"x-requested-with", b"fetch"), None),
    ],
)
async def test_a_cookie_counts_for_what_changes_something_only_with_a_proof(
    method: str, header: tuple[bytes, bytes] | None, told: str | None
) -> None:
    headers = [COOKIE, *([header] if header else [])]
    by_head = request(*headers, method=method)
    assert identify_at_once(by_head, Tokens(), has_body=False)
    assert user(by_head) == told
    assert await told_user(request(*headers, method=method), b"some", b" body") == told


@pytest.mark.parametrize(
    ("headers", "at_once"),
    [
        ([COOKIE], False),
        ([COOKIE, (b"x-csrf-token", b"another")], False),
        ([COOKIE, (b"x-csrf-token", b"a-csrf")], True),
        ([(b"authorization", b"Bearer good")], True),
        ([(b"cookie", b"MMAUTHTOKEN=bad")], True),
        ([(b"cookie", b"MMAUTHTOKEN=ended")], True),
    ],
)
async def test_a_body_that_may_have_the_proof_is_waited_for(
    headers: Iterable[tuple[bytes, bytes]], at_once: bool
) -> None:
    asked = request(*headers, method="POST")
    assert identify_at_once(asked, Tokens(), has_body=True) is at_once


async def test_a_bearer_token_needs_no_proof() -> None:
    assert await told_user(request((b"authorization", b"Bearer good"), method="POST"), b"x") == "ada"


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"a=1&csrf=a-csrf&b=2"], "ada"),
        ([b"a=1&cs", b"rf=a-c", b"srf"], "ada"),
        ([b"csrf=a%2Dcsrf"], "ada"),
        ([b"csrf=other"], None),
        ([b"other=a-csrf"], None),
        ([b"csrf=a-csrf&rest=" + b"x" * LOOK, b"y" * LOOK], "ada"),
        ([b"rest=" + b"x" * LOOK, b"&csrf=a-csrf"], None),
        ([b"rest=" + b"x" * (LOOK - 20) + b"&csrf=a-csrf-that", b"-is-longer"], None),
    ],
)
async def test_a_form_proves_it_by_a_field_near_its_beginning(pieces: list[bytes], told: str | None) -> None:
    assert await told_user(request(COOKIE, FORM, method="POST"), *pieces) == told


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ([("csrf", None, b"a-csrf")], "ada"),
        ([("a", None, b"1"), ("csrf", None, b"a-csrf"), ("file", "f", b"x" * 2 * LOOK)], "ada"),
        ([("csrf", None, b"other")], None),
        ([("csrf", "csrf", b"a-csrf")], None),  # a file of that name
        ([("file", "f", b"x" * LOOK), ("csrf", None, b"a-csrf")], None),
    ],
)
@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_multipart_form_proves_it_as_well(form: list[Field], told: str | None, pieces: int) -> None:
    body = multipart(form)
    headers = (COOKIE, (b"content-type", MULTIPART.encode()))
    assert (
        await told_user(request(*headers, method="POST"), *cut(body, range(0, len(body), len(body) // pieces))) == told
    )


async def test_only_a_form_is_looked_into() -> None:
    json = (b"content-type", b"application/json")
    assert await told_user(request(COOKIE, json, method="POST"), b"csrf=a-csrf") is None


async def test_a_client_that_goes_away_during_the_look_is_nobody() -> None:
    waiting: list[Event] = [{"type": "http.request", "body": b"a=1", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Event:
        return waiting.pop(0)

    asked = request(COOKIE, FORM, method="POST")
    replay = await identify(asked, Tokens(), receive)
    assert [(await replay())["type"], (await replay())["type"]] == ["http.request", "http.disconnect"]
    assert user(asked) is None


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, "ada"),
        (b"https://Chat.example.com", "ada"),
        (b"https://evil.example", None),
        (b"null", None),
        (b"http://[", None),
    ],
)
async def test_a_websocket_by_cookie_comes_from_a_page_of_the_same_host(origin: bytes | None, told: str | None) -> None:
    headers = [COOKIE, (b"host", b"chat.example.com"), *([(b"origin", origin)] if origin else [])]
    asked = request(*headers, websocket=True)
    await identify(asked, Tokens(), body(b""))
    assert user(asked) == told
