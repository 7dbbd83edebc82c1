"""Configuration of the server and of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mattermost_plugin.api import wire_values
from notation import repeatable, response, result


@repeatable
def get_config() -> bytes:
    """The server's configuration as JSON, with the secrets masked."""


@repeatable
def get_unsanitized_config() -> bytes:
    """The server's configuration as JSON, secrets included."""


def save_config(config_json: bytes) -> None:
    """Replace the server's configuration. ConfigurationWillBeSaved hooks run.

    Args:
        config_json: the whole configuration as JSON; what is left out falls back to its default, so read it first.

    Raises:
        ValidationError: it is no JSON, a setting is invalid, or a plugin refused it.
    """


@repeatable
def load_plugin_configuration() -> dict[str, Any]:
    """The plugin's settings by key, with the defaults from its manifest. Ints are exact, whatever their size."""
    # The reference sends a field `dest`, which the wire does not have, and throws `config_json` away.
    result(wire_values.json_object(response.config_json))


@repeatable
def get_plugin_config() -> dict[str, Any]:
    """The plugin's settings as stored, without defaults; the server may keep the keys in lower case.

    The wire has only doubles for numbers: whole ones up to 2^53 come back as ints, larger ones as floats.
    """
    # The reference says that all values are text; the wire has any JSON.


def save_plugin_config(config: Mapping[str, Any]) -> None:
    """Replace the plugin's settings; OnConfigurationChange follows.

    Args:
        config: all settings, JSON values by key; those left out are removed.

    Raises:
        ValueError: a value is none that JSON has, or an int beyond 2^53.
    """
    # As get_plugin_config.


@repeatable
def get_bundle_path() -> str:
    """The absolute path of the folder the plugin is unpacked in."""
