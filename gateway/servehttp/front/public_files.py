"""Files in a plugin's folder `public`, which the gateway serves itself at `/plugins/{id}/public/…`, to anybody, also
while the plugin is down.

Starlette's `FileResponse` answers: ranges, validators, HEAD. What it reads is a file that was opened here, folder by
folder and without following a symbolic link, so that neither a spelling nor whoever changes the folder meanwhile leads
out of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import resource
import stat
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from mimetypes import MimeTypes
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from mattermost_plugin import exchange
from mattermost_plugin.exchange import Request
from mattermost_plugin.types import Event, Receive, Scope, Send
from servehttp.errors import ResponseTruncated, is_host_lack
from servehttp.front import responses
from servehttp.front.access_log import RequestRecord
from servehttp.front.admission import Rejected
from servehttp.front.endings import NO_PROGRESS
from servehttp.front.headers import response_head
from servehttp.front.responses import Refusal
from servehttp.front.routing import PUBLIC
from servehttp.plugins.registry import Registry
from servehttp.plugins.states import PluginState
from servehttp.request_lines import CLIENT_GONE

METHODS: Final = ("GET", "HEAD")
MOST_NAMES: Final = 32
"""Folders deep that a file may lie."""
FEWEST_OPEN: Final = 16
MOST_OPEN: Final = 65536
RESTING: Final = frozenset((PluginState.STOPPED, PluginState.STOPPING))
"""Of a plugin that is disabled, nothing is served."""

REVALIDATE: Final = "no-cache"
FOR_EVER: Final = "public, max-age=31536000, immutable"

_HASH: Final = re.compile(r"[.-](?:([0-9a-f]{8,64})|([0-9A-Za-z_-]{8}))\.")
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe must not be waited for
_NOTHING_THERE: Final = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK, errno.EACCES, errno.ENAMETOOLONG, errno.ENXIO)
)

_TYPES: Final = MimeTypes()  # not those of this machine: the same file has the same type everywhere
for _type, _suffix in {
    "application/manifest+json": ".webmanifest",
    "font/woff": ".woff",
    "font/woff2": ".woff2",
    "image/avif": ".avif",
    "image/webp": ".webp",
    "text/javascript": ".js",
}.items():
    _TYPES.add_type(_type, _suffix)
_TYPES.add_type("text/javascript", ".mjs")
_CHECKS: Final = StaticFiles()


class OpenFile:
    """A file that was opened; closed at the latest when nobody holds it, for who asked for it may have left meanwhile.

    Args:
        descriptor: the file's, which is its own from now on.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.status = os.fstat(descriptor)

    @property
    def path(self) -> str:
        """Where this very file can be opened again."""
        return f"/dev/fd/{self.descriptor}"

    def close(self) -> None:
        """Close it; idempotent."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


class PublicFiles:
    """Answers requests for public files.

    Args:
        registry: the plugins.
        idle_timeout: seconds without progress after which a response is cut; 0 for no limit.
    """

    def __init__(self, registry: Registry, idle_timeout: float) -> None:
        self._registry = registry
        self._idle_timeout = idle_timeout
        self._free = _most_open()

    def change(self, idle_timeout: float) -> None:
        """Give those that begin from now on so many seconds."""
        self._idle_timeout = idle_timeout

    async def answer(self, request: Request, record: RequestRecord, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request below `PUBLIC` for the plugin that `record` names; False if that has no public folder.

        Raises:
            Rejected: there is no such file, or the method is not one for files.
            ResponseTruncated: the client's connection must be broken.
        """
        plugin = self._registry.get(record.plugin_id)
        if plugin is None or plugin.folder is None or plugin.state in RESTING:
            return False
        names = _names(record.path[request.root_length + len(PUBLIC) :])
        with self._room(record.plugin_id):
            try:
                file = await asyncio.to_thread(open_public, plugin.folder, names or ())
            except FileNotFoundError:
                return False
            except OSError as error:
                if not is_host_lack(error):
                    raise
                raise Rejected(responses.unavailable(record.plugin_id, "no more files can be opened")) from error
            with contextlib.closing(file):
                _check(file, request.method, record.plugin_id, has_name=bool(names))
                await self._send(_response(file, names or (), scope), request, record, scope, receive, send)
        return True

    @contextlib.contextmanager
    def _room(self, plugin_id: str) -> Iterator[None]:
        if not self._free:
            raise Rejected(responses.unavailable(plugin_id, "too many files are open"))
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def _send(
        self, response: Response, request: Request, record: RequestRecord, scope: Scope, receive: Receive, send: Send
    ) -> None:
        complete = False

        async def send_on(event: Event) -> None:
            nonlocal complete
            if event["type"] == "http.response.start":
                head = response_head(exchange.Response(event["status"], event["headers"]))
                event = {**event, "headers": head.headers_for(request.request_id)}
                record.begin_response(event["status"])
            else:
                record.bytes_out += len(event["body"])
                complete = not event.get("more_body", False)
            async with asyncio.timeout(self._idle_timeout or None):
                await send(event)

        try:
            await response(scope, receive, send_on)
        except TimeoutError:
            record.problem = NO_PROGRESS
            raise ResponseTruncated(NO_PROGRESS) from None
        except ConnectionError:  # how servers of ASGI 2.4 and later say that the client has gone
            complete = False
        if not complete:
            record.problem = CLIENT_GONE


def open_public(folder: Path, names: Sequence[bytes]) -> OpenFile:
    """Open what has this path below the public folder of a plugin; without names, or if there is nothing, the folder.

    Args:
        folder: the plugin's.
        names: of the folders, and of the file, one by one; none has a slash in it.

    Raises:
        FileNotFoundError: the plugin has no public folder.
        OSError: it cannot be opened, for want of descriptors or for a fault of the disk.
    """
    try:
        place = OpenFile(os.open(folder / "public", _FOLDER_FLAGS))
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            raise FileNotFoundError(f"{folder} has no folder 'public'") from None
        raise
    try:
        return _open_below(place, names)
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return place
        raise


def _open_below(place: OpenFile, names: Sequence[bytes]) -> OpenFile:
    for number, name in enumerate(names, 1):
        flags = _FILE_FLAGS if number == len(names) else _FOLDER_FLAGS
        place = OpenFile(os.open(name, flags, dir_fd=place.descriptor))
    return place


def is_hashed(name: str) -> bool:
    """Whether a file's name tells its content, as bundlers name them: `app.3f9c02ab.js`, `app-Bx3kP_9z.css`.

    That is, after a dot or a hyphen, eight hexadecimal digits or more with a letter and a digit among them, or exactly
    eight letters, digits, `_` and `-`, with a digit, a capital and a small letter. A word or a date is none.
    """
    for match in _HASH.finditer(name):
        digits, mixed = match.groups()
        if digits and not digits.isdigit() and not digits.isalpha():
            return True
        if mixed and all(any(kind(letter) for letter in mixed) for kind in (str.isdigit, str.isupper, str.islower)):
            return True
    return False


def media_type(name: str) -> str:
    """The type of a file's content by its name; of a compressed one nothing is known that a browser should act on."""
    kind, encoding = _TYPES.guess_type(name)
    return kind if kind and not encoding else "application/octet-stream"


def _names(path: bytes) -> Sequence[bytes] | None:
    """The names that the rest of a raw path consists of; None if no file can have it."""
    names = [unquote_to_bytes(name) for name in path.split(b"/")]
    if len(names) > MOST_NAMES or any(name in (b"", b".", b"..") or b"/" in name or b"\0" in name for name in names):
        return None
    return names


def _check(file: OpenFile, method: str, plugin_id: str, *, has_name: bool) -> None:
    if method not in METHODS:
        allow = [(b"allow", ", ".join(METHODS).encode())]
        message = f"files are only for {' and '.join(METHODS)}"
        raise Rejected(Refusal(HTTPStatus.METHOD_NOT_ALLOWED, message, plugin_id, headers=allow))
    if not has_name or not stat.S_ISREG(file.status.st_mode):
        raise Rejected(Refusal(HTTPStatus.NOT_FOUND, "the plugin has no such public file", plugin_id))


def _response(file: OpenFile, names: Sequence[bytes], scope: Scope) -> Response:
    name = names[-1].decode("utf-8", "replace")
    headers = {
        "cache-control": FOR_EVER if is_hashed(name) else REVALIDATE,
        "x-content-type-options": "nosniff",
    }
    response = FileResponse(file.path, headers=headers, media_type=media_type(name), stat_result=file.status)
    if _CHECKS.is_not_modified(response.headers, Headers(scope=scope)):
        return NotModifiedResponse(response.headers)
    return response


def _most_open() -> int:
    """How many files a process has open at a time: an eighth of those that it may open, each of them twice."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_OPEN if limit == resource.RLIM_INFINITY else max(FEWEST_OPEN, limit // 16)
