"""Who sends a request: found by a session's or an access token, told to the plugin, and the token kept from it.

A token comes as `Authorization: Bearer …` or `Token …`, else as the cookie of a login, else as `access_token` in the
query. Whatever of these a request has is taken out of it, good or not; other schemes, cookies and parameters stay.
Browsers send cookies unasked, so a request with a cookie counts only if it shows that a page of ours made it:

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
from urllib.parse import unquote_plus, urlsplit

from mattermost_plugin.exchange import Request
from mattermost_plugin.types import Receive
from servehttp.front.forms import look_into_form
from servehttp.front.headers import TOKEN_HEADERS, RequestHeaders
from servehttp.identity import UNKNOWN, Caller, Identity

COOKIE = b"MMAUTHTOKEN"
PARAMETER = "access_token"
PARAMETER_BYTES = PARAMETER.encode()
SCHEMES = (b"bearer", b"token")
USER_ID = b"mattermost-user-id"
CSRF_FIELD = "csrf"


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, and whether a browser may have sent it unasked."""

    token: str
    from_cookie: bool = False


def may_identify(headers: RequestHeaders, target: bytes) -> bool:
    """Whether a request may say who sends it: all that is looked at of those that do not."""
    return headers.may_identify or PARAMETER_BYTES in target


def identify_at_once(request: Request, identity: Identity, *, has_body: bool) -> bool:
    """Tell the plugin who sends a request; False where that takes a wait, or a look into its body."""
    credential = credential_of(request)
    if credential is None:
        return True
    caller = identity.known(credential.token)
    if caller is UNKNOWN:
        return False
    if caller is not None and credential.from_cookie and not _is_ours(request, caller):
        if has_body:  # which may be a form that shows it
            return False
        caller = None
    _pass_on(request, caller)
    return True


async def identify(request: Request, identity: Identity, receive: Receive) -> Receive:
    """Tell the plugin who sends a request; returns what receives its body, which may have been looked into."""
    credential = credential_of(request)
    if credential is None:
        return receive
    known = identity.known(credential.token)
    caller = await identity.find(credential.token) if known is UNKNOWN else known
    if caller is not None and credential.from_cookie and not _is_ours(request, caller):
        given, receive = await look_into_form(request, receive, CSRF_FIELD)
        caller = caller if _is_token(given, caller) else None
    _pass_on(request, caller)
    return receive


def credential_of(request: Request) -> Credential | None:
    """What a request has to show who sends it; None if it has nothing that is to be taken out."""
    found: Credential | None = None
    for name, value in request.headers:
        if name not in TOKEN_HEADERS:
            continue
        if name == b"cookie":
            token = next((value for key, value in _cookies(value) if key == COOKIE), None)
            if token is not None and found is None:
                found = Credential(token.decode("latin-1"), from_cookie=True)
        elif (bearer := _bearer(value)) is not None and (found is None or found.from_cookie):
            found = Credential(bearer.decode("latin-1"))
    if PARAMETER_BYTES in request.target:
        given = next((value for _, name, value in _parameters(request.target) if name == PARAMETER), None)
        if given is not None and found is None:
            found = Credential(given)
    return found


def _pass_on(request: Request, caller: Caller | None) -> None:
    """Take every token out of a request, and put in who sends it."""
    headers = [*_without_tokens(request)]
    if caller is not None:
        headers.append((USER_ID, caller.user_id.encode()))
    request.headers = headers
    request.common = None  # what it was made of is another request's, or this one's with its tokens
    if PARAMETER_BYTES in request.target:
        path = request.target.partition(b"?")[0]
        kept = b"&".join(pair for pair, name, _ in _parameters(request.target) if name != PARAMETER)
        request.target = path + b"?" + kept if kept else path


def _without_tokens(request: Request) -> Iterator[tuple[bytes, bytes]]:
    for name, value in request.headers:
        if name == b"authorization" and _bearer(value) is not None:
            continue
        if name == b"cookie":
            kept = b"; ".join(b"%b=%b" % pair for pair in _cookies(value) if pair[0] != COOKIE)
            if kept:
                yield name, kept
            continue
        yield name, value


def _bearer(value: bytes) -> bytes | None:
    scheme, _, token = value.partition(b" ")
    return token.strip() if scheme.lower() in SCHEMES else None


def _cookies(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    for pair in value.split(b";"):
        name, _, given = pair.strip().partition(b"=")
        yield name, given


def _parameters(target: bytes) -> Iterator[tuple[bytes, str, str]]:
    """Each parameter of the query as it is written, its name, and its value."""
    for pair in target.partition(b"?")[2].split(b"&"):
        name, _, value = pair.decode("latin-1").partition("=")
        yield pair, unquote_plus(name), unquote_plus(value)


def _is_ours(request: Request, caller: Caller) -> bool:
    """Whether a request with a cookie shows by its head that a page of ours made it."""
    if request.websocket:
        origin = request.header(b"origin")
        return origin is None or urlsplit(origin.lower()).netloc == (request.header(b"host") or b"").lower()
    if request.method == "GET":
        return True
    if (request.header(b"x-requested-with") or b"").lower() == b"xmlhttprequest":
        return True
    return _is_token((request.header(b"x-csrf-token") or b"").decode("latin-1"), caller)


def _is_token(given: str, caller: Caller) -> bool:
    return bool(caller.csrf) and hmac.compare_digest(given.encode(), caller.csrf.encode())
