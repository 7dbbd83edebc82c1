"""Where values of settings come from: the command line, the environment, a TOML file; and what is wrong with them."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource

from servehttp.errors import SettingsError

SettingsT = TypeVar("SettingsT", bound=BaseSettings)

ENV_PREFIX = "SERVEHTTP_"
ENV_DELIMITER = "__"
CONFIG_VARIABLE = "SERVEHTTP_CONFIG"
"""Names the TOML file, like `--config`."""
URL_VARIABLE = "SERVEHTTP_URL"
TOKEN_VARIABLE = "SERVEHTTP_TOKEN"
"""Where a gateway is that commands manage, and the token that they show it, like `--url` and `--token`."""
NO_SETTINGS = (CONFIG_VARIABLE, URL_VARIABLE, TOKEN_VARIABLE)
"""The variables that are not themselves settings."""

COMMAND_LINE = "command line"
"""What a `SettingsError` names as the origin of a value that was passed to `gather`."""


def gather(model: type[SettingsT], config: Path | None, overrides: Mapping[str, Any]) -> SettingsT:
    """Gather settings from their sources.

    Args:
        model: the settings.
        config: a TOML file.
        overrides: what the command line says, nested as the settings are.

    Raises:
        SettingsError: a file that cannot be read, a name that does not exist, or a value that cannot be used.
    """
    file = _read_toml(config) if config else {}
    names = [name for name, _ in every_setting(model)]
    _check_names(names, "", file, str(config))
    _check_environment(names)
    environment = EnvSettingsSource(model)()
    try:
        return model(**_merge(_merge(file, environment), overrides))
    except ValidationError as error:
        details = error.errors()[0]
        path = tuple(str(part) for part in details["loc"])
        origin = _origin(names, path, _Sources(overrides, environment, config))
        raise SettingsError(origin, _explain(details)) from error


def every_setting(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Each setting's dotted name and its field, which has the default and the description, in order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from every_setting(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def environment_name(setting: str) -> str:
    """The environment variable of a setting, given its dotted name."""
    return ENV_PREFIX + setting.upper().replace(".", ENV_DELIMITER)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), f"is not UTF-8 text: byte {error.start} cannot be decoded") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), f"is not valid TOML: {error}") from error


def _check_names(known: list[str], prefix: str, table: Mapping[str, Any], where: str) -> None:
    groups = {name.split(".")[0] for name in known if "." in name}
    for key, value in table.items():
        name = prefix + key
        if name in groups and isinstance(value, Mapping):
            _check_names(known, f"{name}.", value, where)
        elif name in groups:
            raise SettingsError(where, f"{name} is a group of settings: write it as a table, [{name}]")
        elif name not in known:
            raise SettingsError(where, f"there is no setting {name}{_nearest(name, known)}")


def _check_environment(names: list[str]) -> None:
    known = {environment_name(name) for name in names} | set(NO_SETTINGS)
    for variable in sorted(os.environ):
        if variable.upper().startswith(ENV_PREFIX) and variable.upper() not in known:
            raise SettingsError(variable, f"there is no such setting{_nearest(variable.upper(), known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean {matches[0]}?" if matches else ""


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            merged[key] = _merge(below[key], above[key])
    return merged


@dataclass(frozen=True)
class _Sources:
    """What was gathered, but for what the file says."""

    overrides: Mapping[str, Any]
    environment: Mapping[str, Any]
    config: Path | None


def _origin(known: list[str], path: tuple[str, ...], sources: _Sources) -> str:
    """Where a value came from; empty for what concerns several settings at once, which may have several origins."""
    setting = next((name for name in (".".join(path[:2]), ".".join(path[:1])) if name in known), None)
    if setting is None:
        return ""
    if _holds(sources.overrides, setting):
        return COMMAND_LINE
    if _holds(sources.environment, setting):
        return environment_name(setting)
    return str(sources.config or "")


def _holds(values: Any, setting: str) -> bool:
    for part in setting.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _explain(details: ErrorDetails) -> str:
    name = ".".join(str(part) for part in details["loc"])
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "value_error":
        return f"{name}: {message}"
    return f"{name} is {details['input']!r}: {message[0].lower()}{message[1:]}"
