"""Where a plugin is served."""

from __future__ import annotations

import os

from mattermost_plugin.runtime_config import ENV_PLUGIN_ID

ENV_BASE_PATH = "MATTERMOST_PLUGIN_BASE_PATH"
"""Set by this project's gateway; any host serves a plugin at the path that follows from its id."""


def base_path() -> str:
    """The path below which this process's plugin is served, such as "/plugins/com.example.shop".

    It is known from the start, so that applications can be told at import. Empty where no host started the process.
    """
    plugin_id = os.environ.get(ENV_PLUGIN_ID, "")
    return os.environ.get(ENV_BASE_PATH) or (f"/plugins/{plugin_id}" if plugin_id else "")
