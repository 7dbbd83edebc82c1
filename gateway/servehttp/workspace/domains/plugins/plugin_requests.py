"""HTTP requests from one plugin to another, held to the rules for those of clients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from mattermost_plugin.headers import InvalidHeader, checked, end_to_end
from servehttp.request_rules import check_path, may_pass

CALLER_HEADER = "Mattermost-Plugin-ID"
"""By which a plugin sees which other one sent a request."""

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Z]+")
_PRINTABLE = re.compile(r"[!-~]*")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True)
class PluginRequest:
    """An HTTP request from one plugin to another; `target` is the path below the other one, and the query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class PluginResponse:
    """The answer; several values of a header are joined with ", "."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class BadPluginRequest(ValueError):
    """A request that is none; the text says why."""


def refusal(status: int, reason: str) -> PluginResponse:
    """An answer of the host's own."""
    return PluginResponse(int(status), {"content-type": "text/plain; charset=utf-8"}, f"{reason}\n".encode())


def not_there() -> PluginResponse:
    """For a plugin that is not there."""
    return refusal(HTTPStatus.NOT_FOUND, "there is no such plugin, or it does not run")


def addressed(sender_id: str, url: str, request: PluginRequest) -> tuple[str, PluginRequest]:
    """Whom a request is for, and the request as it is passed on.

    Args:
        sender_id: the plugin that sends it.
        url: `/<plugin id>/...`; what comes before the path does not count.
        request: without a target.

    Raises:
        BadPluginRequest: the URL, the method or a header is none.
    """
    plugin_id, target = _target(url)
    method = request.method.upper() or "GET"
    if method == "CONNECT" or not _METHOD.fullmatch(method):
        raise BadPluginRequest(f"{request.method!r:.40} is no method of a request to a plugin")
    headers = {**_passing(request.headers), CALLER_HEADER: sender_id}
    return plugin_id, replace(request, method=method, target=target, headers=headers)


def _target(url: str) -> tuple[str, str]:
    text = _NOT_ASCII.sub(lambda match: quote(match[0]), url).partition("#")[0]
    if not _PRINTABLE.fullmatch(text):
        raise BadPluginRequest("the URL has white space or a control character in it")
    try:
        parts = urlsplit(text)
        check_path(parts.path.encode())
    except ValueError as error:
        raise BadPluginRequest(f"the URL cannot be used: {error}") from None
    plugin_id, slash, path = parts.path.removeprefix("/").partition("/")
    if not plugin_id or not slash:
        raise BadPluginRequest("the URL has to be /<plugin id>/...")
    return plugin_id, f"/{path}?{parts.query}" if parts.query else f"/{path}"


def _passing(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        names = [name for name, _ in end_to_end(checked([_encoded(header) for header in headers.items()]))]
    except InvalidHeader as error:
        raise BadPluginRequest(str(error)) from None
    passing = {name.decode("latin-1") for name in names if may_pass(name, trusted=False)}
    return {name: value for name, value in headers.items() if name.lower() in passing}


def _encoded(header: tuple[str, str]) -> tuple[bytes, bytes]:
    try:
        return header[0].encode("latin-1"), header[1].encode("latin-1")
    except UnicodeEncodeError:
        raise BadPluginRequest(f"header {header[0]!r:.80} has a character in it that is not in Latin-1") from None
