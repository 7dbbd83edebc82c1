"""Who sends a request: found by a session's or an access token, told to the plugin, and the token kept from it.

A token comes as `Authorization: Bearer …` or `Token …`, as the cookie of a login, or as `access_token` in the query.
The first in this order that is the workspace's counts. All that are the workspace's are taken out of the request, and
with them the `Referer`, which may have them too. Everything else arrives as it was sent: other schemes, cookies and
parameters, and tokens that are a plugin's own. Browsers send cookies unasked, so a request with a cookie counts only
if it shows that a page of ours made it:

| request | shows it by |
|---|---|
| GET | nothing: it changes nothing |
| other | the session's own in `X-CSRF-Token` or in the field `csrf` of a form; or `X-Requested-With: XMLHttpRequest` |
| WebSocket | an `Origin` with the host that it asks, or none |

A request that does not count goes on, without a user.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from mattermost_plugin.exchange import Request
from mattermost_plugin.types import Receive
from servehttp.front.headers import COOKIE, PARAMETER, RequestHeaders, names_token
from servehttp.identity import UNKNOWN, Caller, Identity, is_same_origin

PARAMETER_NAME: Final = PARAMETER.decode()
SCHEMES: Final = (b"bearer", b"token")
USER_ID: Final = b"mattermost-user-id"
CSRF_FIELD: Final = "csrf"

MOST_LOOKS: Final = 8
"""Tokens of one request that are looked up; nobody sends more."""


class TooManyTokens(ValueError):
    """A request has more tokens than are looked up."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token that may be the workspace's.

    Attributes:
        token: the text.
        from_cookie: whether a browser may have sent it unasked.
        counts: whether it can show who sends the request; otherwise it must only not arrive.
    """

    token: str
    from_cookie: bool = False
    counts: bool = True


def may_identify(headers: RequestHeaders, target: bytes) -> bool:
    """Whether a request may have a token of the workspace: all that is looked at of those that do not."""
    return headers.may_identify or names_token(target)


def identify_at_once(request: Request, identity: Identity, *, has_body: bool) -> bool:
    """Tell the plugin who sends a request; False where that takes a wait, or a look into its body."""
    credentials = credentials_of(request)
    callers: dict[str, Caller | None] = {}
    for credential in credentials:
        known = identity.cached(credential.token)
        if known is UNKNOWN:
            return False
        callers[credential.token] = known
    caller, proven = _who(request, credentials, callers)
    if not proven and has_body:  # which may be a form that shows it
        return False
    _pass_on(request, callers, caller if proven else None)
    return True


async def identify(request: Request, identity: Identity, receive: Receive) -> Receive:
    """Tell the plugin who sends a request; returns what receives its body, which may have been looked into.

    Raises:
        TooManyTokens: it has more than are looked up.
        IdentityUnavailable: whom one of its tokens stands for cannot be found out.
    """
    credentials = credentials_of(request)
    callers = await _look_up(credentials, identity)
    caller, proven = _who(request, credentials, callers)
    if caller is not None and not proven:
        from servehttp.front.forms import look_into_form  # here: few forms show it, and its parsers load slowly

        given, receive = await look_into_form(request, receive, CSRF_FIELD)
        caller = caller if _is_token(given, caller) else None
    _pass_on(request, callers, caller)
    return receive


async def caller_of(request: Request, identity: Identity) -> Caller | None:
    """Who sends a request, if its head shows that.

    Raises:
        TooManyTokens, IdentityUnavailable: as `identify`.
    """
    credentials = credentials_of(request)
    caller, proven = _who(request, credentials, await _look_up(credentials, identity))
    return caller if proven else None


def credentials_of(request: Request) -> list[Credential]:
    """What may be tokens of the workspace in a request, in the order in which they count."""
    bearers, cookies, referers = [], [], []
    for name, value in request.headers:
        if name == b"authorization":
            if (token := _bearer(value)) is not None:
                bearers.append(Credential(token))
        elif name == b"cookie" and COOKIE in value:
            cookies += [Credential(token, from_cookie=True) for pair in value.split(b";") if (token := _session(pair))]
        elif name == b"referer" and names_token(value):
            referers += [Credential(token, counts=False) for token in _in_query(value)]
    queries = [Credential(token) for token in _in_query(request.target)] if names_token(request.target) else []
    return [*bearers, *cookies, *queries, *referers]


async def _look_up(credentials: list[Credential], identity: Identity) -> dict[str, Caller | None]:
    callers: dict[str, Caller | None] = {}
    looks = 0
    for token in dict.fromkeys(credential.token for credential in credentials):
        known = identity.cached(token)
        if known is UNKNOWN:
            looks += 1
            if looks > MOST_LOOKS:
                raise TooManyTokens(f"the request has more than {MOST_LOOKS} tokens")
            known = await identity.lookup(token)
        callers[token] = known
    return callers


def _who(
    request: Request, credentials: list[Credential], callers: dict[str, Caller | None]
) -> tuple[Caller | None, bool]:
    """Whom the first token that counts stands for, and whether the head is proof enough that they sent it."""
    for credential in credentials:
        caller = callers[credential.token]
        if credential.counts and caller is not None and caller.user_id:
            return caller, not credential.from_cookie or _is_ours(request, caller)
    return None, True


def _pass_on(request: Request, callers: dict[str, Caller | None], caller: Caller | None) -> None:
    """Take the workspace's tokens out of a request, and put in who sends it."""
    tokens = {token for token, owner in callers.items() if owner is not None}
    if not tokens:
        return
    headers = [*_without(tokens, request)]
    if caller is not None:
        headers.append((USER_ID, caller.user_id.encode()))
    request.headers = headers
    request.common = None  # what it was made of is another request's, or this one's with its tokens
    if names_token(request.target):
        request.target = _target_without(tokens, request.target)


def _target_without(tokens: set[str], target: bytes) -> bytes:
    path, _, query = target.partition(b"?")
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if _access_token(pair) not in tokens]
    if len(kept) == len(pairs):
        return target
    return path + b"?" + b"&".join(kept) if kept else path


def _without(tokens: set[str], request: Request) -> Iterator[tuple[bytes, bytes]]:
    for name, value in request.headers:
        if name == b"referer" or (name == b"authorization" and _bearer(value) in tokens):
            continue
        if name == b"cookie" and COOKIE in value:
            pairs = value.split(b";")
            kept = [pair for pair in pairs if _session(pair) not in tokens]
            if len(kept) < len(pairs):
                if kept:
                    yield name, b";".join(kept).lstrip()
                continue
        yield name, value


def _bearer(value: bytes) -> str | None:
    scheme, _, token = value.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() in SCHEMES else None


def _session(pair: bytes) -> str | None:
    """The token in one pair of a `Cookie` header."""
    name, _, value = pair.strip().partition(b"=")
    return value.strip(b'"').decode("latin-1") if name == COOKIE else None


def _in_query(target: bytes) -> list[str]:
    """The tokens in the query of a target or an address."""
    return [token for pair in target.partition(b"?")[2].split(b"&") if (token := _access_token(pair))]


def _access_token(pair: bytes) -> str | None:
    """The token in one pair of a query, which may be written in any of the ways of percent-encoding."""
    name, _, value = pair.decode("latin-1").partition("=")
    return unquote_plus(value) if unquote_plus(name) == PARAMETER_NAME else None


def _is_ours(request: Request, caller: Caller) -> bool:
    """Whether a request with a cookie shows by its head that a page of ours made it."""
    if request.websocket:
        origin, host = request.header(b"origin"), request.header(b"host") or b""
        return is_same_origin(None if origin is None else origin.decode("latin-1"), host.decode("latin-1"))
    if request.method == "GET":
        return True
    if (request.header(b"x-requested-with") or b"").lower() == b"xmlhttprequest":
        return True
    return _is_token((request.header(b"x-csrf-token") or b"").decode("latin-1"), caller)


def _is_token(given: str, caller: Caller) -> bool:
    return bool(caller.csrf) and hmac.compare_digest(given.encode(), caller.csrf.encode())
