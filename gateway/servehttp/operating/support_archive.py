"""What somebody who helps has to know of a gateway, as one archive without secrets."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import os
import platform
import re
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from servehttp.build import describe_version
from servehttp.errors import GatewayError
from servehttp.front.health import own_words
from servehttp.logs import escape_controls
from servehttp.operating.remote import Remote
from servehttp.operating.scrubbing import Scrubber, secrets_of
from servehttp.printed_lines import PLUGIN_LOGGER
from servehttp.settings.shown import shown

CONSOLE_API = "/api/servehttp/v1"
LOGS = "logs.json"
FETCHED = {
    "readyz.json": "/readyz?verbose",
    "overview.json": f"{CONSOLE_API}/overview",
    "requests.json": f"{CONSOLE_API}/requests",
    "hooks.json": f"{CONSOLE_API}/hooks",
    "tasks.json": f"{CONSOLE_API}/tasks",
    LOGS: f"{CONSOLE_API}/logs?limit=2000",
}
"""What a gateway that runs is asked, by the file that the answer becomes."""
MISSING = "missing.txt"
OUTPUT, REASON = "output", "reason"
"""Fields of answers in which there is what plugins have said."""
METRICS_TIMEOUT = 10.0
LONGEST_METRICS = 16 * 1024 * 1024

Part = Callable[[], str]


class NotToBeHad(GatewayError):
    """Something that is not there to be put into the archive; the message says why."""


def gather(remote: Remote, path: Path, *, with_output: bool) -> Sequence[str]:
    """Make the archive.

    Args:
        remote: the gateway, which need not run.
        path: where it is made.
        with_output: whether what plugins have printed and logged is in it.

    Returns:
        What could not be had, and why, one line each.

    Raises:
        OSError: it cannot be made.
    """
    scrubber = Scrubber(_known_secrets(remote))
    missing: list[str] = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as made, tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, part in _parts(remote, with_output):
            try:
                _add(archive, name, scrubber.scrub(part()))
            except (GatewayError, OSError) as error:
                missing.append(f"{name}: {scrubber.scrub(escape_controls(str(error)))}")
        if not with_output:
            missing.append(f"{LOGS}: what plugins print and log is left out; --with-output takes it in")
        _add(archive, MISSING, "".join(f"{line}\n" for line in missing))
    return missing


def _parts(remote: Remote, with_output: bool) -> Iterator[tuple[str, Part]]:
    yield "settings.json", partial(_settings, remote)
    yield "versions.json", _versions
    for name, path in FETCHED.items():
        yield name, partial(_fetch, remote, path, with_output=with_output)
    yield "metrics.txt", partial(_metrics, remote)


def _settings(remote: Remote) -> str:
    rows = shown(remote.settings, remote.given.sources())
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=2)


def _versions() -> str:
    named = importlib.metadata.requires("servehttp") or []
    names = sorted({re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in named})
    found: dict[str, Any] = {"servehttp": describe_version(), "python": sys.version, "platform": platform.platform()}
    return json.dumps(found | {"packages": dict(_installed(names))}, indent=2)


def _installed(names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _fetch(remote: Remote, path: str, *, with_output: bool) -> str:
    status, body = remote.rest.fetch(path)
    try:
        answer = json.loads(body)
    except ValueError:
        raise NotToBeHad(f"the gateway answers {status} to {path}, and no JSON") from None
    if status >= 400 and isinstance(answer, Mapping) and "error" in answer:
        raise NotToBeHad(f"the gateway answers {status} to {path}: {answer['error'].get('message', '')}")
    if not with_output:
        answer = without_output(answer)
    return json.dumps(answer, indent=2)


def without_output(answer: Any) -> Any:
    """An answer without the records of plugins, what they have printed last, and what they said when they ended."""
    if isinstance(answer, list):
        return [without_output(each) for each in answer if not _is_output(each)]
    if isinstance(answer, dict):
        return {name: _own(name, value) for name, value in answer.items() if name != OUTPUT}
    return answer


def _own(name: str, value: Any) -> Any:
    return own_words(value) if name == REASON and isinstance(value, str) else without_output(value)


def _is_output(record: Any) -> bool:
    return isinstance(record, Mapping) and record.get("logger") == PLUGIN_LOGGER


def _metrics(remote: Remote) -> str:
    listen = remote.settings.metrics.listen
    if listen is None:
        raise NotToBeHad("metrics.listen is not set")
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=METRICS_TIMEOUT) as answer:
        text: bytes = answer.read(LONGEST_METRICS)
    return text.decode()


def _known_secrets(remote: Remote) -> Iterator[str]:
    yield from secrets_of(os.environ)
    url = remote.settings.workspace.database_url
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    if password:
        yield password
        yield unquote(password)
    token = remote.known_token
    if token:
        yield token


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    member = tarfile.TarInfo(f"servehttp-support/{name}")
    member.size, member.mtime, member.mode = len(data), int(time.time()), 0o600
    archive.addfile(member, io.BytesIO(data))
