"""One plugin's HTTP request to another, through the other one's link, with both bodies whole as the API has them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from mattermost_plugin.exchange import Body, End, Exchange, Request, ResetCode, Response
from mattermost_plugin.exchange_reset import ExchangeReset
from mattermost_plugin.headers import checked
from mattermost_plugin.request_id import current
from servehttp.errors import LinkError
from servehttp.plugins.link import Link
from servehttp.settings.limits import LimitSettings
from servehttp.workspace.domains.plugins.plugin_requests import PluginRequest, PluginResponse, refusal
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id

PREFIX = "/plugins/"


def refuse_size(request: PluginRequest, limits: LimitSettings) -> PluginResponse | None:
    """The answer to a request that is larger than a client's might be; None if it is not."""
    size = sum(len(name) + len(value) for name, value in request.headers.items())
    if len(request.target) > limits.max_target_length:
        status, what = HTTPStatus.REQUEST_URI_TOO_LONG, f"the target is longer than {limits.max_target_length} bytes"
    elif len(request.headers) > limits.max_header_count:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        what = f"there are more than {limits.max_header_count} headers"
    elif size > limits.max_header_bytes:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        what = f"the headers are larger than {limits.max_header_bytes} bytes"
    elif 0 < limits.max_body_size < len(request.body):
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        what = f"the body is larger than {limits.max_body_size} bytes"
    else:
        return None
    return refusal(status, what)


async def send(link: Link, plugin_id: str, request: PluginRequest, *, timeout: float, limit: int) -> PluginResponse:
    """Have a plugin answer a request.

    Args:
        link: the connection to it.
        plugin_id: its id.
        request: what is asked.
        timeout: seconds for all of it.
        limit: bytes that the answer's body may have.

    Raises:
        AppFailure: 502, it gave no answer, or one that is too large; 504, none in time.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(await link.open(_request(plugin_id, request)), request.body, limit)
    except TimeoutError:
        raise _failed(f"no answer within {timeout:g} s", HTTPStatus.GATEWAY_TIMEOUT) from None
    except (LinkError, ExchangeReset) as error:
        raise _failed(str(error), HTTPStatus.BAD_GATEWAY) from None


def _request(plugin_id: str, request: PluginRequest) -> Request:
    root = PREFIX + plugin_id
    given = checked([(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()])
    headers = [header for header in given if header[0] not in (b"content-length", b"host")]
    length = (b"content-length", b"%d" % len(request.body))
    return Request(
        method=request.method,
        target=f"{root}{request.target}".encode(),
        root_length=len(root),
        headers=[*headers, (b"host", plugin_id.encode()), length],
        request_id=(current.get() or new_id()).encode(),
    )


async def _exchange(exchange: Exchange, body: bytes, limit: int) -> PluginResponse:
    sending = asyncio.create_task(_send_body(exchange, body))
    try:
        return await _receive(exchange, limit)
    finally:
        sending.cancel()
        exchange.reset(ResetCode.CANCELLED, "the answer was taken, or is not waited for")
        await asyncio.gather(sending, return_exceptions=True)


async def _send_body(exchange: Exchange, body: bytes) -> None:
    await exchange.send(*([Body(body)] if body else []), End())


async def _receive(exchange: Exchange, limit: int) -> PluginResponse:
    status, headers, pieces, size = 0, {}, [], 0
    while not isinstance(part := await exchange.receive(), End):
        if isinstance(part, Response):
            status, headers = part.status, _joined(part)
        elif isinstance(part, Body):
            pieces.append(part.data)
            size += len(part.data)
            if size > limit:
                raise _failed(f"the answer is longer than {limit} bytes", HTTPStatus.BAD_GATEWAY)
    return PluginResponse(status, headers, b"".join(pieces))


def _joined(response: Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _failed(reason: str, status: int) -> AppFailure:
    return AppFailure("plugin_api.plugin_http.app_error", f"The plugin gave no answer: {reason}.", status)
