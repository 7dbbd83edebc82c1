"""Bodies of a test's requests: bytes, JSON, and forms with files."""

from __future__ import annotations

import json as json_module
import secrets
from collections.abc import Iterator, Mapping
from mimetypes import guess_type
from typing import Any, TypeAlias
from urllib.parse import urlencode

File: TypeAlias = bytes | str | tuple[str, bytes | str] | tuple[str, bytes | str, str]
"""What a file holds, or the pair of its name and that, or these two and its type."""

ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""In names, as browsers do it (HTML, multipart/form-data)."""


def content(
    body: bytes | str, json: Any, data: Mapping[str, str] | None, files: Mapping[str, File] | None
) -> tuple[bytes, dict[str, str]]:
    """A body, and the headers that describe it.

    Args:
        body: a text is sent as UTF-8.
        json: a value whose JSON is the body instead.
        data: a form's fields, by name.
        files: a form's files, by the names of their fields.

    Raises:
        ValueError: it is to be more than one of a body, JSON and a form.
    """
    if sum((bool(body), json is not None, data is not None or files is not None)) > 1:
        raise ValueError("a request has one of body=, json=, and data= with files=")
    headers: dict[str, str] = {}
    if json is not None:
        body, headers = json_module.dumps(json), {"content-type": "application/json"}
    elif files is not None:
        boundary = secrets.token_hex(16)
        body = b"".join(_parts(boundary, data or {}, files))
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    elif data is not None:
        body, headers = urlencode(data), {"content-type": "application/x-www-form-urlencoded"}
    encoded = _encoded(body)
    return encoded, headers | ({"content-length": str(len(encoded))} if encoded else {})


def _parts(boundary: str, data: Mapping[str, str], files: Mapping[str, File]) -> Iterator[bytes]:
    for name, value in data.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n{value}\r\n'.encode()
    for name, file in files.items():
        filename, held, kind = _file(name, file)
        yield (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"; filename="{_escaped(filename)}"'
            f"\r\nContent-Type: {kind}\r\n\r\n"
        ).encode()
        yield _encoded(held) + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _file(name: str, file: File) -> tuple[str, bytes | str, str]:
    """A file's name, what it holds, and its type."""
    filename, held, *kind = file if isinstance(file, tuple) else (name, file)
    return filename, held, kind[0] if kind else guess_type(filename)[0] or "application/octet-stream"


def _encoded(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _escaped(name: str) -> str:
    return name.translate(ESCAPED)
