"""Plugins: the calling one and the others."""

from __future__ import annotations

from collections.abc import Mapping

from mattermost_plugin.models import Manifest, PluginStatus
from notation import repeatable, response, result, transfer, wire


@repeatable
def get_plugin_id() -> str:
    """The calling plugin's id."""


@repeatable
def get_plugins() -> list[Manifest]:
    """The manifests of the active plugins."""
    # The reference reads JSON from a field `plugins_json`; the wire has messages in `manifests`.


@repeatable
def get_plugin_status(plugin_id: str) -> PluginStatus:
    """Whether a plugin runs.

    Raises:
        NotFoundError: there is no such plugin.
    """
    # The reference sends a field `plugin_id`, and reads JSON from `status_json`; the wire has `id` and `status`.
    wire(id=plugin_id)


def enable_plugin(plugin_id: str) -> None:
    """Start an installed plugin.

    Raises:
        NotFoundError: there is no such plugin.
    """
    # The reference sends a field `plugin_id`; on the wire it is `id`, here and below.
    wire(id=plugin_id)


def disable_plugin(plugin_id: str) -> None:
    """Stop a plugin. It stays installed.

    Raises:
        NotFoundError: there is no such plugin.
    """
    wire(id=plugin_id)


def remove_plugin(plugin_id: str) -> None:
    """Stop and delete a plugin.

    Raises:
        NotFoundError: there is no such plugin.
    """
    wire(id=plugin_id)


@transfer
def install_plugin(data: bytes, *, force: bool = False) -> Manifest:
    """Install a plugin from its bundle, and return its manifest. It is not enabled by that.

    Args:
        data: the bundle, a .tar.gz; at most 4 MiB for known hosts.
        force: replace a plugin with the same id.

    Raises:
        UnavailableError: the message is larger than the host takes.
        ValidationError: it is no bundle, or the plugin is there already and `force` is False.
    """
    # The reference sends a field `force` and reads JSON from `manifest_json`; the wire has `replace` and `manifest`.
    wire(file_data=data, replace=force)


@transfer
def plugin_http(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Send an HTTP request to another plugin, without going over the network; returns status, headers and body.

    A request that the host does not pass on it answers itself: 404, there is no such plugin, or it does not run;
    400, the URL or a header is none. The other plugin sees which plugin asks, and no user.

    Args:
        method: such as "GET".
        url: its path begins with the other plugin's id: /<plugin id>/...
        headers: one value for each name; several values of a response's header are joined with ", ".
        body: the whole body.
    """
    result((response.status_code, dict(response.headers), response.body))
