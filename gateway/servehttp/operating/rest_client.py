"""A client of a gateway's REST API, blocking, over the standard library, so that commands start at once.

What goes wrong is a `RestError`: one line that says what the gateway answered, or where none was found, and what to do.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from servehttp.errors import GatewayError

PREFIX = "/api/v4"
UNIX = "unix:"
CONNECT_TIMEOUT = 10.0
"""Seconds."""
ANSWER_TIMEOUT = 600.0
"""Seconds of silence; a plugin that starts may take its time."""
FOLLOW_TIMEOUT = 60.0
"""Seconds of silence of an output that is followed; the gateway sends an empty line every few seconds."""
LONGEST_ANSWER = 16 * 1024 * 1024
LONGEST_LINE = 1024 * 1024
PIECE = 64 * 1024
"""Bytes."""
REMEDY = "`servehttp user token` makes another one"
HINT = "start one with `servehttp serve`, or name where it is with --url or SERVEHTTP_URL"
TRUST = "name the file of its CA in SSL_CERT_FILE, and the gateway as its certificate does"


class RestError(GatewayError):
    """The gateway refused, or could not be asked.

    Attributes:
        status: the answer's; 0 where there was none.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Token:
    """A token, and where it comes from, as an error tells it."""

    value: str
    source: str


class RestClient:
    """A gateway, as somebody with a token sees it.

    Args:
        url: `http://…`, `https://…`, or `unix:PATH`.
        token: who asks.

    Raises:
        RestError: the URL is none of these.
    """

    def __init__(self, url: str, token: Token) -> None:
        self._url = url
        self._token = token
        self._socket = url.removeprefix(UNIX) if url.startswith(UNIX) else None
        self._address = urlsplit("http://gateway" if self._socket else url)
        if self._address.scheme not in ("http", "https") or not _host(self._address):
            raise RestError(f"{url!r} is no address of a gateway: write http://HOST:PORT, https://HOST or unix:PATH")

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask, and return the JSON of the answer.

        Raises:
            RestError: as the class says.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        with self._exchange(lambda connection: self._send(connection, method, path, headers, data)) as response:
            return self._json(response)

    def fetch(self, path: str) -> tuple[int, bytes]:
        """Ask for any path of the gateway, not only below the REST API's, and return status and body of the answer.

        Raises:
            RestError: there is no answer.
        """
        connection = self._connection()
        try:
            with self._explaining():
                connection.connect()
                connection.sock.settimeout(ANSWER_TIMEOUT)
                self._send(connection, "GET", path, {}, None, prefix="")
                response = connection.getresponse()
                return response.status, response.read(LONGEST_ANSWER)
        finally:
            connection.close()

    def upload(self, path: str, fields: Mapping[str, str], name: str, file: Path, told: Callable[[int], object]) -> Any:
        """Send a form with a file, and return the JSON of the answer.

        Args:
            path: below the prefix.
            fields: the form's other fields.
            name: that of the file's field.
            file: what is sent, piece by piece.
            told: called with the number of bytes of each piece that went.

        Raises:
            RestError: as the class says.
            OSError: the file cannot be read.
        """
        boundary = secrets.token_hex(16)
        head, tail = _form_around(boundary, fields, name, file.name)
        with file.open("rb") as opened:
            size = len(head) + file.stat().st_size + len(tail)
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(size)}
            pieces = _pieces(head, opened, tail, told)
            with self._exchange(lambda connection: self._send(connection, "POST", path, headers, pieces)) as response:
                return self._json(response)

    def lines(self, path: str) -> Iterator[Any]:
        """Ask, and give each line of the answer, which is JSON, as it comes; empty ones are passed over.

        Raises:
            RestError: as the class says; the answer breaks off.
        """
        with self._exchange(lambda connection: self._send(connection, "GET", path, {}, None)) as response:
            while line := self._line(response):
                if line.strip():
                    yield json.loads(line)

    @contextmanager
    def _exchange(self, send: Callable[[http.client.HTTPConnection], None]) -> Iterator[http.client.HTTPResponse]:
        connection = self._connection()
        try:
            with self._explaining():
                connection.connect()
                connection.sock.settimeout(ANSWER_TIMEOUT)
                send(connection)
                response = connection.getresponse()
                self._check(response)
            yield response
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._socket is not None:
            return _UnixConnection(self._socket)
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        return kind(_host(self._address), self._address.port, timeout=CONNECT_TIMEOUT)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Any,
        prefix: str = PREFIX,
    ) -> None:
        sent = {"Authorization": f"Bearer {self._token.value}", "Accept": "application/json", **headers}
        try:
            connection.request(method, self._address.path.rstrip("/") + prefix + path, body, sent)
        except (BrokenPipeError, ConnectionResetError):
            if body is None:  # else it may have answered before all was sent
                raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise RestError(f"the gateway at {self._url} does not answer; is it stuck, or another program?") from None
        except http.client.HTTPException as error:
            raise RestError(f"what {self._url} answers cannot be understood ({error!r}); is it a gateway?") from None
        except ssl.SSLCertVerificationError as error:
            raise RestError(f"{self._url} is not trusted: {error.verify_message.rstrip('.')}; {TRUST}") from None
        except OSError as error:
            raise RestError(f"no gateway answers at {self._url} ({error.strerror or error}); {HINT}") from None

    def _check(self, response: http.client.HTTPResponse) -> None:
        if response.status < 300:
            return
        said = _message(response.read(LONGEST_ANSWER))
        if said is None:
            text = f"{self._url} has no REST API (status {response.status}): is it a gateway, and one with a workspace?"
        elif response.status == 401:
            text = f"the gateway does not take the token of {self._token.source}: {said} {REMEDY}"
        elif response.status == 403:
            text = f"the user of the token of {self._token.source} may not do this: {said}"
        else:
            text = said
        raise RestError(text, response.status)

    def _json(self, response: http.client.HTTPResponse) -> Any:
        with self._explaining():
            try:
                return json.loads(response.read(LONGEST_ANSWER))
            except ValueError:
                raise RestError(f"what {self._url} answers is no JSON; is it a gateway?") from None

    def _line(self, response: http.client.HTTPResponse) -> bytes:
        with self._explaining():
            line = response.readline(LONGEST_LINE)
        if line and not line.endswith(b"\n"):
            raise RestError("the gateway's answer breaks off; has it stopped?")
        return line


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_TIMEOUT)
        self.sock.connect(self._path)


def is_local(url: str) -> bool:
    """Whether an address is one of this machine."""
    return url.startswith(UNIX) or urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _host(address: SplitResult) -> str:
    try:
        return address.hostname or "" if address.port != 0 else ""
    except ValueError:  # a port that is none
        return ""


def _form_around(boundary: str, fields: Mapping[str, str], name: str, filename: str) -> tuple[bytes, bytes]:
    """What comes before the content of a form's one file, and what comes after it."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n' for key in fields]
    quoted = filename.translate({ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"})
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{quoted}"\r\n\r\n'
    return "".join([*parts, head]).encode("utf-8", "surrogateescape"), f"\r\n--{boundary}--\r\n".encode()


def _pieces(head: bytes, file: IO[bytes], tail: bytes, told: Callable[[int], object]) -> Iterator[bytes]:
    yield head
    while piece := file.read(PIECE):
        yield piece
        told(len(piece))
    yield tail


def _message(body: bytes) -> str | None:
    """What an error of the REST API says; None where it is none."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return None
