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


@dataclass(frozen=True)
class Sources:
    """What was said of settings, and where.

    Attributes:
        model: the settings.
        options: what the command line says, nested as the settings are.
        environment: what the environment says.
        file: what the TOML file says.
        config: that file, if there is one.
    """

    model: type[BaseSettings]
    options: Mapping[str, Any]
    environment: Mapping[str, Any]
    file: Mapping[str, Any]
    config: Path | None

    @classmethod
    def read(cls, model: type[BaseSettings], config: Path | None, options: Mapping[str, Any]) -> Sources:
        """Read them.

        Raises:
            SettingsError: the file cannot be read.
        """
        return cls(model, options, EnvSettingsSource(model)(), _read_toml(config) if config else {}, config)

    def origin(self, setting: str) -> str:
        """What says the value of a setting, by its dotted name; empty where it is the default."""
        if _holds(self.options, setting):
            return COMMAND_LINE
        if _holds(self.environment, setting):
            return environment_name(setting)
        return str(self.config or "") if _holds(self.file, setting) else ""

    def problems(self) -> Iterator[SettingsError]:
        """All that is wrong, names first."""
        names = [name for name, _ in every_setting(self.model)]
        yield from _wrong_names(names, "", self.file, str(self.config))
        yield from _wrong_variables(names)
        try:
            self.model(**self._merged())
        except ValidationError as error:
            for details in error.errors():
                if not _is_about_a_name(details, names):
                    path = tuple(str(part) for part in details["loc"])
                    yield SettingsError(self._origin_of(names, path), _explain(details))

    def make(self) -> BaseSettings:
        """The settings.

        Raises:
            SettingsError: a name that does not exist, or a value that cannot be used.
        """
        for problem in self.problems():
            raise problem
        return self.model(**self._merged())

    def _merged(self) -> dict[str, Any]:
        return _merge(_merge(self.file, self.environment), self.options)

    def _origin_of(self, known: list[str], path: tuple[str, ...]) -> str:
        """Where a value came from; empty for what concerns several settings at once, which may have several origins."""
        setting = next((name for name in (".".join(path[:2]), ".".join(path[:1])) if name in known), None)
        return "" if setting is None else self.origin(setting)


def gather(model: type[SettingsT], config: Path | None, overrides: Mapping[str, Any]) -> SettingsT:
    """Gather settings from their sources.

    Args:
        model: the settings.
        config: a TOML file.
        overrides: what the command line says, nested as the settings are.

    Raises:
        SettingsError: a file that cannot be read, a name that does not exist, or a value that cannot be used.
    """
    settings = Sources.read(model, config, overrides).make()
    assert isinstance(settings, model), "it is made of the model"
    return settings


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
    except (ValueError, RecursionError) as error:  # a number may be too long as well, or an array too deep
        raise SettingsError(str(path), f"is not valid TOML: {error}") from error


def _wrong_names(known: list[str], prefix: str, table: Mapping[str, Any], where: str) -> Iterator[SettingsError]:
    groups = _groups(known)
    for key, value in table.items():
        name = prefix + key
        if name in groups and isinstance(value, Mapping):
            yield from _wrong_names(known, f"{name}.", value, where)
        elif name in groups:
            yield SettingsError(where, f"{name} is a group of settings: write it as a table, [{name}]")
        elif name not in known:
            yield SettingsError(where, f"there is no setting {name}{_nearest(name, {*known, *groups})}")


def _wrong_variables(names: list[str]) -> Iterator[SettingsError]:
    known = {environment_name(name) for name in names} | set(NO_SETTINGS)
    for variable in sorted(os.environ):
        if variable.upper().startswith(ENV_PREFIX) and variable.upper() not in known:
            yield SettingsError(variable, f"there is no such setting{_nearest(variable.upper(), known)}")


def _groups(names: Iterable[str]) -> set[str]:
    return {name.split(".")[0] for name in names if "." in name}


def _is_about_a_name(details: ErrorDetails, names: list[str]) -> bool:
    """Whether what is wrong with a value is only that of its name, which is told by itself."""
    path = [str(part) for part in details["loc"]]
    within = any(".".join(path[:length]) in names for length in range(1, len(path)))
    unknown = details["type"] == "extra_forbidden" and not within
    return unknown or (len(path) == 1 and path[0] in _groups(names) and not isinstance(details["input"], Mapping))


def _nearest(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean {matches[0]}?" if matches else ""


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            merged[key] = _merge(below[key], above[key])
    return merged


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
    if details["type"] == "extra_forbidden":
        return f"there is no setting {name}"
    return f"{name} is {details['input']!r}: {message[0].lower()}{message[1:]}"
