"""Pages of the console from their templates: nothing in them runs but our one script, nothing comes from elsewhere."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from servehttp.build import version
from servehttp.console import wording
from servehttp.console.routes import Call

TEMPLATES = Path(__file__).with_name("templates")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FILTERS = (
    wording.size,
    wording.duration,
    wording.span,
    wording.rate,
    wording.share,
    wording.count,
    wording.clock,
    wording.time_of_day,
    wording.machine,
)


def render(call: Call, template: str, status: int = 200, **values: Any) -> Response:
    """A page.

    Args:
        call: who is answered.
        template: its file.
        status: of the answer.
        values: what the template is about.
    """
    console = call.console
    common = {
        "root": call.root,
        "csrf": call.csrf,
        "signed_in": call.visitor is not None,
        "has_workspace": console.gateway.host is not None,
        "version": version(),
        "now": time.time(),
        "alert": "",
        "told": "",
    }
    page = _environment().get_template(template).render(common | values)
    return HTMLResponse(page, status, HEADERS)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = {each.__name__: each for each in FILTERS}
    environment.filters |= words
    environment.globals |= words
    return environment
