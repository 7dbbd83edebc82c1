"""The settings of single plugins, held against what their manifests say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servehttp.workspace.domains.base.config_rules import MASK
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.plugins.plugins import PluginSetting
from servehttp.workspace.errors import AppFailure, invalid

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.plugins.plugins import Plugins

LONGEST_KEY = 256
"""Characters."""
MOST_KEYS = 1000
"""Settings of one plugin."""


@dataclass(frozen=True)
class ShownSetting:
    """A setting as it may be shown.

    Attributes:
        key: its name.
        value: what holds, be it stored or the default; a secret that is not empty is masked.
        default: what holds as long as nothing is stored.
        stored: whether something is.
        type: as the manifest calls it, such as "bool"; empty where it says nothing of the setting.
        options: what the value may be, where it is one of several.
        secret: whether it is masked.
        display_name: what people call it; empty where the manifest does not say.
        help_text: what the manifest tells people of it.
    """

    key: str
    value: Any
    default: Any
    stored: bool
    type: str
    options: Sequence[str]
    secret: bool
    display_name: str
    help_text: str


class PluginSettings(Domain):
    """The settings of plugins."""

    config: Config
    plugins: Plugins

    async def show(self, plugin_id: str) -> list[ShownSetting]:
        """All that are described by the plugin's manifest, or stored.

        Raises:
            AppFailure: 404.
        """
        described = {setting.key: setting for setting in self.plugins.described(plugin_id)}
        stored = _spelt(await self.config.plugin_settings(plugin_id), described.values())
        settings = [*described.values(), *(PluginSetting(key) for key in stored if key not in described)]
        return [self._shown(plugin_id, setting, stored) for setting in settings]

    async def change(self, plugin_id: str, values: Mapping[str, Any]) -> list[ShownSetting]:
        """Store some settings, and leave the others as they are; plugins are told of it. Returns all of them.

        Args:
            plugin_id: whose they are.
            values: by key, in any case; None takes the default again, and a mask leaves a secret as it is.

        Raises:
            AppFailure: 404; 400, the manifest knows no such setting, or it takes no such value, or a plugin refuses it.
        """
        described = self.plugins.described(plugin_id)
        wanted = {key: value for key, value in _spelt(values, described).items() if value != MASK}
        for key, value in wanted.items():
            _check(_setting(key, described), value)
        await self.config.change_plugin_settings(plugin_id, lambda present: _merged(_spelt(present, described), wanted))
        return await self.show(plugin_id)

    def _shown(self, plugin_id: str, setting: PluginSetting, stored: Mapping[str, Any]) -> ShownSetting:
        secret = setting.secret or self.plugins.is_secret(plugin_id, setting.key)

        def masked(value: Any) -> Any:
            return MASK if secret and value not in ("", None) else value

        value, default = masked(stored.get(setting.key, setting.default)), masked(setting.default)
        is_stored = setting.key in stored
        return ShownSetting(
            key=setting.key,
            value=value,
            default=default,
            stored=is_stored,
            type=setting.type,
            options=setting.options,
            secret=secret,
            display_name=setting.display_name,
            help_text=setting.help_text,
        )


def _spelt(values: Mapping[str, Any], described: Iterable[PluginSetting]) -> dict[str, Any]:
    """By the keys of the manifest, where these differ from them only in case."""
    spelling = {setting.key.lower(): setting.key for setting in described}
    return {spelling.get(key.lower(), key): value for key, value in values.items()}


def _merged(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in {**present, **wanted}.items() if value is not None}
    if len(merged) > MOST_KEYS:
        raise _refused(f"A plugin has no more than {MOST_KEYS} settings.")
    return merged


def _setting(key: str, described: Sequence[PluginSetting]) -> PluginSetting:
    if not key or len(key) > LONGEST_KEY:
        raise _refused(f"The key of a setting has 1 to {LONGEST_KEY} characters.")
    if not described:
        return PluginSetting(key)
    for setting in described:
        if setting.key == key:
            return setting
    known = ", ".join(setting.key for setting in described)
    raise _refused(f"The plugin has no setting {key!r}; it has {known}.")


def _check(setting: PluginSetting, value: Any) -> None:
    if value is None or setting.type not in _KINDS:
        return
    fits, kind = _KINDS[setting.type]
    if not fits(value):
        raise _refused(f"The setting {setting.key} takes {kind}.")
    if setting.options and value not in setting.options:
        raise _refused(f"The setting {setting.key} takes one of {', '.join(setting.options)}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "number": (_is_number, "a number"),
    **dict.fromkeys(("text", "longtext", "generated", "username", "dropdown", "radio"), (_is_text, "a text")),
}
"""What a setting of a type takes; one of another type, such as `custom`, takes what its plugin understands."""


def _refused(text: str) -> AppFailure:
    return invalid("app.plugin.settings.app_error", text, where="PatchPluginSettings")
