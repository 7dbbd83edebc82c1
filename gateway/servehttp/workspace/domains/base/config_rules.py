"""Configurations as values: what is left out is the default, and secrets are masked and put back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from servehttp.workspace.domains.base.default_config import DEFAULT_CONFIG, SETTABLE
from servehttp.workspace.errors import AppFailure, invalid

MASK = "*" * 32
"""What is shown instead of a secret; where it comes back, the secret is meant."""

SECRETS = frozenset({
    ("EmailSettings", "SMTPPassword"),
    ("SqlSettings", "DataSource"),
    ("SqlSettings", "AtRestEncryptKey"),
    ("FileSettings", "PublicLinkSalt"),
    ("FileSettings", "AmazonS3SecretAccessKey"),
    ("GitLabSettings", "Secret"),
    ("GoogleSettings", "Secret"),
    ("Office365Settings", "Secret"),
    ("OpenIdSettings", "Secret"),
    ("LdapSettings", "BindPassword"),
    ("ElasticsearchSettings", "Password"),
    ("MessageExportSettings", "GlobalRelaySettings", "SMTPPassword"),
})  # fmt: skip
"""Where configurations have secrets."""

PLUGINS = ("PluginSettings", "Plugins")
"""Where they have the settings of plugins, by plugin and key."""

Path: TypeAlias = tuple[str, ...]
IsSecret: TypeAlias = Callable[[str, str], bool]
"""Given a plugin's id and a key, tells whether that setting is a secret."""


def parsed(config_json: bytes) -> dict[str, Any]:
    """A configuration from its JSON.

    Raises:
        AppFailure: 400, it is no object.
    """
    try:
        config = json.loads(config_json)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise _malformed("A configuration")
    return config


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the defaults for what it leaves out.

    Raises:
        AppFailure: 400, a section, or what a plugin's settings are, is no object.
    """
    whole = merged(DEFAULT_CONFIG, config)
    for plugin_id, settings in _at(whole, PLUGINS).items():
        if not isinstance(settings, Mapping):
            raise _malformed(f"What {plugin_id} has for settings")
    return whole


def check_settable(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Accept a configuration in the place of another one.

    Raises:
        AppFailure: 400, it has another value than that one and the default for what does not act here, or a value of
            another kind for what does.
    """
    for path in _changed(present, wanted):
        default = _at(DEFAULT_CONFIG, path)
        if path[-1] not in SETTABLE.get(path[0], ()):
            raise _not_settable(path)
        if not isinstance(_at(wanted, path), _KINDS.get(type(default), type(default))):
            raise _malformed_setting(path, type(default).__name__)


def _changed(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Path]:
    """The settings, as section and name, that are neither as before nor as by default."""
    for section, settings in wanted.items():
        if not isinstance(settings, Mapping):
            yield (section,)
            continue
        for name, value in settings.items():
            path = (section, name)
            if value not in (_at(present, path), _at(DEFAULT_CONFIG, path)):
                yield path


_KINDS: Mapping[type, type] = {dict: Mapping}


def _not_settable(path: Path) -> AppFailure:
    text = f"This host has no setting {'.'.join(path)}, or another one in the gateway's settings: leave it as it is."
    return invalid("api.config.update_config.not_settable.app_error", text, where="SaveConfig", Name=".".join(path))


def _malformed_setting(path: Path, kind: str) -> AppFailure:
    text = f"{'.'.join(path)} has to be of the type {kind}."
    return invalid("api.config.update_config.app_error", text, where="SaveConfig", Name=".".join(path))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, where `above` counts; objects are merged key by key, and a null says nothing.

    Raises:
        AppFailure: 400, `above` has something else where `below` has an object.
    """
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(under, Mapping) and value is not None:
            if not isinstance(value, Mapping):
                raise _malformed(key)
            result[key] = merged(under, value)
        elif value is not None or key not in below:
            result[key] = value
    return result


def masked(config: Mapping[str, Any], is_secret: IsSecret) -> dict[str, Any]:
    """A configuration without its secrets; those that are empty stay so."""

    def mask(path: Path, value: Any) -> Any:
        return MASK if value not in ("", None) and _is_secret(path, is_secret) else value

    return _mapped(config, (), mask)


def unmasked(config: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the secrets of another one where it has masks."""
    return _mapped(config, (), lambda path, value: _at(secrets, path) if value == MASK else value)


def _is_secret(path: Path, is_secret: IsSecret) -> bool:
    of_plugin = path[:2] == PLUGINS and len(path) == len(PLUGINS) + 2
    return path in SECRETS or (of_plugin and is_secret(path[2], path[3]))


def _mapped(config: Mapping[str, Any], path: Path, change: Callable[[Path, Any], Any]) -> dict[str, Any]:
    """Every value that is no object, changed; one that a plugin has for a key counts whole."""
    result = {}
    for key, value in config.items():
        here = (*path, key)
        inner = isinstance(value, Mapping) and not (path[:2] == PLUGINS and len(path) > len(PLUGINS))
        result[key] = _mapped(value, here, change) if inner else change(here, value)
    return result


def _malformed(what: str) -> AppFailure:
    return invalid("api.config.update_config.app_error", f"{what} has to be a JSON object.", where="SaveConfig")


def _at(config: Any, path: Path) -> Any:
    for key in path:
        config = config.get(key, "") if isinstance(config, Mapping) else ""
    return config
