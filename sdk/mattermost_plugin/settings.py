"""A plugin's settings as an object of a class of its own: read from its host, checked, and read again when they change.

    @dataclass
    class ShopSettings:
        greeting: str = "Hello"
        max_items: int = 10

    class Shop(Plugin):
        settings = Settings(ShopSettings)

        @settings.changed
        async def on_change(self, old: ShopSettings) -> None: ...

A field is found by its setting's key whatever the case, and without `_` and `-`: hosts lower-case keys, so `MaxItems`
of a manifest may come as `maxitems`, and is `max_items` here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints, overload

from mattermost_plugin.word_kinds import kind_of

if TYPE_CHECKING:
    from mattermost_plugin.async_client import AsyncPluginAPIClient

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])

MANIFEST = "plugin.json"
LARGEST_MANIFEST = 1024 * 1024
LONGEST_VALUE = 100
"""Characters of a value that a message repeats."""
BOOLS, NUMBERS, TEXTS = (bool,), (int, float), (str,)
KINDS: Mapping[str, tuple[type, ...]] = {"bool": BOOLS, "number": NUMBERS} | dict.fromkeys(
    ("text", "longtext", "username", "generated", "dropdown", "radio"), TEXTS
)
"""What the values of a setting are, by the `type` that the manifest says; others may be anything."""


class SettingsError(Exception):
    """The settings cannot be used: the text names the setting, and what is wrong with it."""


class Settings(Generic[T]):
    """Declares a plugin's settings: a class attribute, which on an instance is the object of the settings.

    They are read before OnActivate, and again before OnConfigurationChange. Settings that cannot be used keep the
    plugin from starting; later they are an error of OnConfigurationChange, and the ones before stay. Without a host
    they are the defaults. A test may assign others.

    Args:
        model: a dataclass, or a model of pydantic. Fields of a dataclass are `str`, `int`, `float`, `bool`, a `Literal`
            or an `Enum`, and checked; others are given as they come.
    """

    def __init__(self, model: type[T]) -> None:
        if not (dataclasses.is_dataclass(model) or hasattr(model, "model_validate")):
            raise TypeError(f"Settings takes a dataclass or a model of pydantic, not {model!r:.100}")
        self._model = model
        self._name = ""
        self._changed = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Settings[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Settings[T] | T:
        if instance is None:
            return self
        if not self.is_loaded(instance):
            raise RuntimeError(f"self.{self._name} is not there yet: it is read before OnActivate")
        value: T = vars(instance)[self._name]
        return value

    def __set__(self, instance: object, value: T) -> None:
        vars(instance)[self._name] = value

    def changed(self, method: Method) -> Method:
        """Have a method called with the settings as they were, after others have taken their place."""
        self._changed = method.__name__
        return method

    def is_loaded(self, plugin: object) -> bool:
        """Whether a plugin has its settings."""
        return self._name in vars(plugin)

    async def load(self, plugin: object, folder: str, api: AsyncPluginAPIClient | None) -> Callable[[], Any] | None:
        """Read a plugin's settings; returns what is to be called because they have changed, if they have.

        Args:
            plugin: the plugin.
            folder: where its manifest is; empty if nobody knows.
            api: its host's, if it has one.

        Raises:
            SettingsError: they cannot be used.
        """
        before = vars(plugin).get(self._name)
        if api is None:
            if before is None:
                self.__set__(plugin, read(self._model, {}))
            return None
        check_schema(self._model, _schema(folder))
        now = read(self._model, await api.load_plugin_configuration())
        self.__set__(plugin, now)
        if before is None or before == now or not self._changed:
            return None
        return partial(getattr(plugin, self._changed), before)


def read(model: type[T], given: Mapping[str, Any]) -> T:
    """The settings that a host gives, as an object.

    Raises:
        SettingsError: a value is none of its field's, or there is none.
    """
    fields = _fields(model)
    known = {fields[folded]: value for key, value in given.items() if (folded := _folded(key)) in fields}
    if hasattr(model, "model_validate"):
        validated: T = _validated(model, known)
        return validated
    hints = get_type_hints(model)
    values = {name: _value(name, hints[name], value) for name, value in known.items()}
    for field in dataclasses.fields(model):  # type: ignore[arg-type]  # it was looked at in the beginning
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.init and not optional and field.name not in values:
            raise SettingsError(f"{field.name} is not set, and has no default")
    try:
        return model(**values)
    except ValueError as error:  # of its `__post_init__`
        raise SettingsError(str(error)) from error


def check_schema(model: type, schema: Mapping[str, Any] | None) -> None:
    """See that a manifest's `settings_schema`, if it has one, describes what a model wants.

    Raises:
        SettingsError: a field is no setting of the manifest's, or one of another type.
    """
    if schema is None:
        return
    settings = [each for each in schema.get("settings") or () if isinstance(each, Mapping) and "key" in each]
    described = {_folded(str(each["key"])): each for each in settings}
    hints = get_type_hints(model)
    for folded, name in _fields(model).items():
        if folded not in described:
            keys = ", ".join(str(each["key"]) for each in settings) or "none"
            raise SettingsError(f"{name} is no setting of {MANIFEST}: the keys of its settings_schema are {keys}")
        wanted, kind = hints.get(name), str(described[folded].get("type", ""))
        if wanted in (*BOOLS, *NUMBERS, *TEXTS) and wanted not in KINDS.get(kind, (wanted,)):
            raise SettingsError(
                f'{name} is {wanted.__name__}, and of type "{kind}" in the settings_schema of {MANIFEST}'
            )


def _schema(folder: str) -> Mapping[str, Any] | None:
    """The settings_schema of the manifest in a folder; None where there is none that can be read."""
    file = Path(folder) / MANIFEST
    try:
        if not folder or file.stat().st_size > LARGEST_MANIFEST:
            return None
        schema = json.loads(file.read_bytes())["settings_schema"]
    except (OSError, ValueError, LookupError, TypeError):  # a host has checked the manifest; other kinds are not read
        return None
    return schema if isinstance(schema, Mapping) else None


def _fields(model: type) -> Mapping[str, str]:
    """The names of a model's fields, by how keys are compared."""
    names = getattr(model, "model_fields", None) or [field.name for field in dataclasses.fields(model)]
    folded: dict[str, str] = {}
    for name in names:
        if (other := folded.setdefault(_folded(name), name)) != name:
            raise SettingsError(f"{other} and {name} of {model.__name__} are the same key")
    return folded


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()


def _value(name: str, hint: Any, value: Any) -> Any:
    kind = kind_of(hint)
    if kind is None or (value is None and type(None) in getattr(hint, "__args__", ())):
        return value
    if isinstance(value, bool) and hint is not bool:
        raise _unusable(name, kind.expects, value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # the wire has no whole numbers
    try:
        return kind.read(value if isinstance(value, str) else str(value))
    except ValueError:
        raise _unusable(name, kind.expects, value) from None


def _unusable(name: str, expected: str, value: object) -> SettingsError:
    return SettingsError(f"{name} has to be {expected}, not {str(value)[:LONGEST_VALUE]!r}")


def _validated(model: Any, values: Mapping[str, Any]) -> Any:
    try:
        return model.model_validate(values, by_name=True, by_alias=True)
    except ValueError as error:  # pydantic's is one
        errors = getattr(error, "errors", None)
        if errors is None:
            raise SettingsError(str(error)) from error
        first = errors()[0]
        place = ".".join(map(str, first["loc"])) or model.__name__
        raise SettingsError(f"{place}: {first['msg']}") from None
