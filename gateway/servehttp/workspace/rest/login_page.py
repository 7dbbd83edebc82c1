"""A page where people log in, and from which they come back to the page of a plugin that sent them.

It leads only to paths of this host. No other site can have a browser log in: a form has to bring the value of a cookie
that only the page itself has set. Nothing on it runs: its policy lets a browser load nothing, and its one style by its
digest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from servehttp.plugins.host import LOGIN_PATH
from servehttp.workspace.domains.base.domain import REQUEST
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.auth import set_cookies
from servehttp.workspace.rest.forms import small_form
from servehttp.workspace.rest.routes import request_context
from servehttp.workspace.store.outages import StoreUnavailable
from servehttp.workspace.workspace import Workspace

COOKIE = "servehttp_login"
"""What the page's form has to bring as well."""
LONGEST_ADDRESS = 2048
HOUR = 3600
"""Seconds."""
VALUE_BYTES = 32
"""Of a value that nobody guesses."""

_TEXT = Path(__file__).with_name("login_page.html").read_text(encoding="utf-8")
_PAGE = Template(_TEXT)
_DONE = _TEXT.partition("<h1>")[0] + "<h1>You are logged in.</h1>\n</main>\n</body>\n</html>\n"
_STYLE = _TEXT.partition("<style>")[2].partition("</style>")[0]
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FOREIGN = "This form did not come from this page, or it is too old. Please try again."
ELSEWHERE = "The address to come back to is none of this host."

_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path, with a query or not, of characters that an address may have: no host, in whatever way browsers read one."""

_VALUE = re.compile(r"[\w-]{43}", re.ASCII)

logger = structlog.get_logger("servehttp.rest")


class LoginPage:
    """Answers GET and POST for the page.

    Args:
        workspace: whose users log in.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route(LOGIN_PATH, self.show, methods=["GET"]), Route(LOGIN_PATH, self.log_in, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """The page, unless it would lead elsewhere."""
        redirect_to = request.query_params.get("redirect_to", "")
        if not _may_lead_to(redirect_to):
            return _page(request, {}, ELSEWHERE, HTTPStatus.BAD_REQUEST)
        return _page(request, {"redirect_to": redirect_to})

    async def log_in(self, request: Request) -> Response:
        """Log in who has the password, and go on to where the page was to lead."""
        try:
            form = await small_form(request)
        except AppFailure as failure:
            return _page(request, {}, failure.message, failure.status)
        if not _may_lead_to(form.get("redirect_to", "")):
            return _page(request, {}, ELSEWHERE, HTTPStatus.BAD_REQUEST)
        if not _is_of_our_page(request, form.get("csrf", "")):
            return _page(request, form, FOREIGN, HTTPStatus.FORBIDDEN)
        return await self._admit(request, form)

    async def _admit(self, request: Request, form: dict[str, str]) -> Response:
        address = request.client.host if request.client else ""
        token = REQUEST.set(request_context(request))
        try:
            session = await self._workspace.logins.login(
                form.get("login_id", ""), form.get("password", ""), address=address
            )
        except AppFailure as failure:
            return _page(request, form, failure.message, failure.status)
        except StoreUnavailable as error:
            logger.warning("login not served", reason=str(error))
            return _page(request, form, "This is not possible at the moment.", HTTPStatus.SERVICE_UNAVAILABLE)
        finally:
            REQUEST.reset(token)
        redirect_to, max_age = form.get("redirect_to"), self._workspace.settings.session_hours * HOUR
        response: Response = HTMLResponse(_DONE, headers=HEADERS)
        if redirect_to:
            response = RedirectResponse(redirect_to, HTTPStatus.SEE_OTHER, HEADERS)
        set_cookies(response, session, secure=request.url.scheme == "https", max_age=max_age)
        response.delete_cookie(COOKIE, path=request.url.path)
        return response


def _may_lead_to(address: str) -> bool:
    return not address or (len(address) <= LONGEST_ADDRESS and _OWN_PATH.fullmatch(address) is not None)


def _is_of_our_page(request: Request, csrf: str) -> bool:
    """Whether a form has what the page's cookie has, and comes from no other site, as far as the browser tells."""
    origin, cookie = request.headers.get("origin"), request.cookies.get(COOKIE, "")
    if origin is not None and urlsplit(origin).netloc != request.url.netloc:
        return False
    return bool(cookie) and hmac.compare_digest(cookie.encode(), csrf.encode())


def _page(request: Request, form: dict[str, str], problem: str = "", status: int = HTTPStatus.OK) -> Response:
    """The page, with what was typed but for the password."""
    csrf = request.cookies.get(COOKIE, "")
    if not _VALUE.fullmatch(csrf):
        csrf = secrets.token_urlsafe(VALUE_BYTES)
    fields = {"csrf": csrf, "problem": problem}
    fields |= {name: form.get(name, "") for name in ("login_id", "redirect_to")}
    text = _PAGE.substitute({name: escape(value) for name, value in fields.items()})
    response = HTMLResponse(text, status, HEADERS)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, csrf, path=request.url.path, secure=secure, httponly=True, samesite="strict")
    return response
