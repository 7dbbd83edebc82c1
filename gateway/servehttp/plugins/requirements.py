"""What a plugin needs besides the SDK: read from its `requirements.txt`, or else from its `pyproject.toml`.

Only names with versions, extras, markers and hashes are taken. Options, addresses and paths are refused: a bundle must
not say where packages come from. The SDK itself is always there, and passed over.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from servehttp.errors import BundleError

REQUIREMENTS, PROJECT = "requirements.txt", "pyproject.toml"
LARGEST = 64 * 1024
"""Bytes of such a file."""
HASH = re.compile(r"hash=sha256:[0-9a-fA-F]{64}")
"""The one option of a requirement, and nothing behind it: that would be an option of the installer's."""
SDK = frozenset(("servehttp", "mattermost-plugin"))


@dataclass(frozen=True)
class Needs:
    """What a plugin needs.

    Attributes:
        lines: each a requirement as pip reads it, in order.
    """

    lines: tuple[str, ...] = ()


def read_needs(folder: Path) -> Needs:
    """What the plugin in a folder needs; nothing where neither file is there.

    Raises:
        BundleError: a file cannot be read, or says what it must not.
    """
    if (folder / REQUIREMENTS).is_file():
        return Needs(tuple(_checked(REQUIREMENTS, _logical_lines(_text(folder / REQUIREMENTS)))))
    if (folder / PROJECT).is_file():
        return Needs(tuple(_checked(PROJECT, enumerate(_dependencies(_text(folder / PROJECT)), 1))))
    return Needs()


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BundleError(f"its {file.name} has more than {LARGEST} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"its {file.name} is not UTF-8 text (byte {error.start})") from None


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments, and those that go on joined to one."""
    began, parts = 0, [""]
    for number, line in enumerate([*text.splitlines(), ""], 1):
        began = began or number
        whole = line.split(" #")[0] if not line.lstrip().startswith("#") else ""
        parts.append(whole.rstrip().removesuffix("\\").strip())
        if not whole.rstrip().endswith("\\"):
            if joined := " ".join(part for part in parts if part):
                yield began, joined
            began, parts = 0, []


def _dependencies(text: str) -> list[str]:
    try:
        project = tomllib.loads(text).get("project", {})
    except RecursionError:
        raise BundleError(f"its {PROJECT} has values too deep within one another") from None
    except ValueError as error:  # also a number of too many digits
        raise BundleError(f"its {PROJECT} is no TOML: {error}") from None
    found = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise BundleError(f"its {PROJECT} has project.dependencies that are no list of texts")
    return found


def _checked(file: str, lines: Iterable[tuple[int, str]]) -> Iterator[str]:
    for number, line in lines:
        text, *options = (part.strip(" ") for part in line.split(" --"))
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise BundleError(
                f"line {number} of its {file} is {line!r:.100}, which is no name with a version; options, addresses "
                "and paths are not taken from a bundle"
            ) from None
        if requirement.url:
            raise BundleError(f"line {number} of its {file} takes {requirement.name} from an address; name a version")
        if wrong := next((option for option in options if not HASH.fullmatch(option)), None):
            raise BundleError(
                f"line {number} of its {file} has the option {f'--{wrong}'!r:.100}; only --hash=sha256:… is taken"
            )
        if canonicalize_name(requirement.name) in SDK:
            continue
        yield " ".join((str(requirement), *(f"--{option}" for option in options)))
