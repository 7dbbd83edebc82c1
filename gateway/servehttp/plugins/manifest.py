"""Plugin manifests: `plugin.yml`, `plugin.yaml` or `plugin.json` in a plugin's folder, the first of them that is there.

The fields, and what makes them valid, are Mattermost's; unknown fields are ignored and null means absent, as there. An
id is lower-cased. Each error is one line that names the file, the field and the remedy.
"""

from __future__ import annotations

import json
import os
import platform
import re
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from servehttp.errors import ManifestError
from servehttp.plugins.interpreter import parse_version_spec
from servehttp.settings.kinds import MOST_REPLICAS

FILE_NAMES = ("plugin.yml", "plugin.yaml", "plugin.json")
RUNTIME = "python"
REPLICAS = "replicas"
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Of values that are none of their kind, such as the date 2026-13-01, and numbers of thousands of digits."""
LARGEST = 1024 * 1024
"""Bytes of a manifest."""

_ID_LENGTHS = range(3, 191)
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NUMBER = r"(?:0|[1-9]\d*)"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_NAME = r"[^\W\d]\w*"
_APP = re.compile(rf"{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*")
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"win32": "windows"}


def _reject(problem: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("manifest", "{problem}; {remedy}", {"problem": problem, "remedy": remedy})


def _check_id(value: str) -> str:
    value = value.lower()
    if len(value) not in _ID_LENGTHS or not _ID.fullmatch(value) or ".." in value:
        raise _reject(
            f"is {value!r}",
            "use 3 to 190 letters, digits, '.', '-' and '_' that begin with a letter or digit and have no '..', "
            "such as com.example.hello",
        )
    return value


def _check_semver(value: str) -> str:
    if value and not _SEMVER.fullmatch(value):
        raise _reject(f"is {value!r}", "write it as MAJOR.MINOR.PATCH, such as 1.0.0")
    return value


def _check_web_address(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise _reject(f"is {value!r}", "write an address that begins with http:// or https://")
    return value


def _check_python_version(value: str) -> str:
    try:
        parse_version_spec(value)
    except ValueError:
        raise _reject(f"is {value!r}", 'write a version such as "3.11" or a range such as ">=3.10,<3.14"') from None
    return value


def _check_props(value: dict[str, Any]) -> dict[str, Any]:
    count = value.get(REPLICAS, 1)
    if type(count) is not int or not 1 <= count <= MOST_REPLICAS:
        problem = f"has {REPLICAS!r} {count!r:.100}"
        raise _reject(problem, f"write how many processes the plugin is to run in, from 1 to {MOST_REPLICAS}")
    return value


def _check_runtime(value: str) -> str:
    if value not in ("", RUNTIME):
        raise _reject(f"is {value!r}", f'servehttp runs Python plugins: set it to "{RUNTIME}"')
    return value


def _check_app(value: str) -> str:
    if value and not _APP.fullmatch(value):
        raise _reject(f"is {value!r:.100}", "write MODULE:ATTRIBUTE, such as site:app")
    return value


SemanticVersion = Annotated[str, AfterValidator(_check_semver)]
WebAddress = Annotated[str, AfterValidator(_check_web_address)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, Mapping) else data


class PythonSection(_Section):
    """`server.python`: what the reference adds for Python; besides the entry point it is for packaging tools."""

    entry_point: str = ""
    dependency_mode: str = ""
    venv_path: str = ""
    requirements_path: str = ""


class ServerSection(_Section):
    """`server`: the part of the plugin that runs in a process."""

    runtime: Annotated[str, AfterValidator(_check_runtime)] = ""
    executable: str = ""
    executables: dict[str, str] = {}
    app: Annotated[str, AfterValidator(_check_app)] = ""
    python_version: Annotated[str, AfterValidator(_check_python_version)] = ""
    python: PythonSection = PythonSection()

    def script(self) -> tuple[str, str]:
        """The field that names the script on this machine, and what it says; an empty text if none does."""
        system = _SYSTEMS.get(sys.platform, sys.platform)
        machine = platform.machine().lower()
        key = f"{system}-{_ARCHITECTURES.get(machine, machine)}"
        if script := self.executables.get(key):
            return f"server.executables.{key}", script
        if self.executable or not self.python.entry_point:
            return "server.executable", self.executable
        return "server.python.entry_point", self.python.entry_point

    def command(self) -> tuple[str, ...]:
        """What the interpreter is to run, in the plugin's folder."""
        return ("-m", "mattermost_plugin", self.app) if self.app else (self.script()[1],)


class WebappSection(_Section):
    """`webapp`: the part of the plugin that runs in a browser."""

    bundle_path: str = ""


class Manifest(_Section):
    """A plugin's manifest, checked by `load_manifest`."""

    file: Path = Field(exclude=True)
    """The manifest's own absolute path."""
    id: Annotated[str, AfterValidator(_check_id)]
    name: str = ""
    description: str = ""
    homepage_url: WebAddress = ""
    support_url: WebAddress = ""
    release_notes_url: WebAddress = ""
    icon_path: str = ""
    version: SemanticVersion = ""
    min_server_version: SemanticVersion = ""
    server: ServerSection
    webapp: WebappSection | None = None
    settings_schema: dict[str, Any] | None = None
    props: Annotated[dict[str, Any], AfterValidator(_check_props)] = {}
    required_configuration: dict[str, Any] | None = None

    @property
    def replicas(self) -> int:
        """How many processes it asks for, by `replicas` of its `props`."""
        return int(self.props.get(REPLICAS, 1))

    @property
    def folder(self) -> Path:
        """The plugin's folder, absolute."""
        return self.file.parent

    @cached_property
    def script(self) -> Path:
        """The script to run, absolute, inside the folder; of one that has `server.app` there is none."""
        return self.folder / self.server.script()[1]


def load_manifest(folder: Path) -> Manifest:
    """Read and check the manifest in a plugin's folder.

    Raises:
        ManifestError: there is none, it cannot be read, a field is wrong, or its script is not there.
    """
    file = _find_file(folder)
    if file is None:
        raise ManifestError(folder, "", "has no manifest", "put a plugin.json into it, or name another folder")
    data = _read(file)
    try:
        manifest = Manifest.model_validate({**data, "file": Path(os.path.abspath(file))})
    except ValidationError as error:
        raise _explain(file, error.errors()[0]) from None
    _check_script(file, manifest)
    return manifest


def discover(paths: Iterable[Path], installed: Sequence[Path] = ()) -> tuple[list[Manifest], list[ManifestError]]:
    """Find plugins.

    Args:
        paths: each is a plugin's folder, or a folder of such folders.
        installed: folders of plugins, each in one named after the plugin's id, whatever the plugin's user writes
            into the manifest.

    Returns:
        The usable manifests in order, and an error for each that is not. The first of two plugins with one id is used.
    """
    manifests: dict[str, Manifest] = {}
    errors: list[ManifestError] = []
    named = _plugin_folders(paths, errors)
    resolved = {folder.resolve() for folder in named}
    for folder in (*named, *(folder for folder in installed if folder.resolve() not in resolved)):
        try:
            manifest = load_manifest(folder)
            if folder in installed:
                _check_named_after(folder, manifest)
            _check_unique(folder, manifest, manifests)
            manifests[manifest.id] = manifest
        except ManifestError as error:
            errors.append(error)
    return list(manifests.values()), errors


def _plugin_folders(paths: Iterable[Path], errors: list[ManifestError]) -> list[Path]:
    """Each plugin's folder once, however many paths lead to it."""
    folders: dict[Path, Path] = {}
    for path in paths:
        try:
            for folder in _expand(path):
                folders.setdefault(folder.resolve(), folder)
        except ManifestError as error:
            errors.append(error)
    return list(folders.values())


def _expand(path: Path) -> list[Path]:
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise ManifestError(path, "", problem, "name a plugin's folder, or a folder of plugin folders")
    if _find_file(path):
        return [path]
    try:
        folders = [child for child in sorted(path.iterdir()) if child.is_dir() and _find_file(child)]
    except OSError as error:
        raise ManifestError(path, "", f"cannot be read: {error.strerror}", "allow the gateway to read it") from error
    if not folders:
        raise ManifestError(
            path, "", "has no manifest, and none of its folders has one", "put a plugin.json into the plugin's folder"
        )
    return folders


def _find_file(folder: Path) -> Path | None:
    return next((folder / name for name in FILE_NAMES if os.path.lexists(folder / name)), None)


def _check_named_after(folder: Path, manifest: Manifest) -> None:
    name = folder.parent.name
    if manifest.id != name:
        problem = f"is {manifest.id!r:.100}, but it was installed as {name}"
        raise ManifestError(manifest.file, "id", problem, "remove its folder, and install it anew")


def _check_unique(folder: Path, manifest: Manifest, others: Mapping[str, Manifest]) -> None:
    if other := others.get(manifest.id):
        raise ManifestError(
            folder / manifest.file.name, "id", f"{manifest.id} is also the id of the plugin in {other.folder}",
            "give one of the two another id, or leave one out",
        )  # fmt: skip


def _read(file: Path) -> dict[str, Any]:
    try:
        text = _read_plain_file(file).decode("utf-8-sig")
        data = _parse(file, text)
    except OSError as error:
        raise ManifestError(file, "", f"cannot be read: {error.strerror}", "allow the gateway to read it") from error
    except UnicodeDecodeError as error:
        raise ManifestError(file, "", f"is not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise _syntax_error(file, "JSON", error.lineno, error.colno, error.msg) from error
    except (RecursionError, *UNREADABLE) as error:
        raise _syntax_error(file, file.suffix[1:].upper(), 1, 1, " ".join(str(error).split())) from error
    if not isinstance(data, dict):
        raise ManifestError(file, "", "does not hold an object", 'begin it with { "id": "com.example.hello", … }')
    return data


def _parse(file: Path, text: str) -> Any:
    if file.suffix == ".json":
        return json.loads(text)

    from servehttp.plugins.yaml_manifest import YamlProblem, read_yaml  # here, because most plugins do without

    try:
        return read_yaml(text)
    except YamlProblem as error:
        raise _syntax_error(file, "YAML", error.line, error.column, error.problem) from error


def _read_plain_file(file: Path) -> bytes:
    """What is in it; one that is none, such as a pipe that nobody writes to, is not waited for."""
    with open(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ManifestError(file, "", "is no plain file", "put the manifest there")
        text = opened.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ManifestError(file, "", f"has more than {LARGEST} bytes", "leave out what is no manifest")
    return text


def _syntax_error(file: Path, language: str, line: int, column: int, problem: str) -> ManifestError:
    place = f"line {line} column {column}"
    return ManifestError(file, "", f"{place}: {problem[:1].lower()}{problem[1:]}", f"correct the {language}")


def _is_file(path: Path) -> bool:
    """As `Path.is_file`, which from Python 3.14 on says no more why it cannot tell."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _check_script(file: Path, manifest: Manifest) -> None:
    field, script = manifest.server.script()
    if manifest.server.app:
        if script:
            raise ManifestError(file, "server.app", f"stands beside {field}", "name one of the two")
        return
    if not manifest.server.runtime and not script.endswith(".py"):
        raise ManifestError(
            file, "server.runtime", "is missing", f'servehttp runs Python plugins: set it to "{RUNTIME}"'
        )
    if not script:
        raise ManifestError(file, field, "is missing", 'name the script to run, such as "plugin.py"')
    try:
        within, there = manifest.script.resolve().is_relative_to(manifest.folder.resolve()), _is_file(manifest.script)
    except PermissionError:
        raise ManifestError(
            file, field, f"{script!r:.100} cannot be reached", "let the gateway's user read it"
        ) from None
    except (OSError, ValueError):  # it is too long, or has characters that no path has
        raise ManifestError(file, field, f"{script!r:.100} cannot be a path", "correct it") from None
    if not within:
        raise ManifestError(file, field, f"{script!r} leads out of the plugin's folder", "name a script inside it")
    if not there:
        raise ManifestError(file, field, f"there is no file {script!r} in the plugin's folder", "correct the path")


def _explain(file: Path, details: ErrorDetails) -> ManifestError:
    field = ".".join(str(part) for part in details["loc"])
    given = details["input"]
    match details["type"]:
        case "manifest":
            context = details["ctx"]
            return ManifestError(file, field, context["problem"], context["remedy"])
        case "missing":
            return ManifestError(file, field, "is missing", _EXAMPLES.get(field, "add it"))
        case "string_type" if isinstance(given, int | float):
            return ManifestError(file, field, f"is the number {given}", f'write it in quotes, such as "{given}"')
        case _:
            message = details["msg"]
            return ManifestError(file, field, f"is {given!r:.100}", f"{message[:1].lower()}{message[1:]}")


_EXAMPLES = {
    "id": 'add one, such as "id": "com.example.hello"',
    "server": f'add one, such as "server": {{"runtime": "{RUNTIME}", "executable": "plugin.py"}}',
}
