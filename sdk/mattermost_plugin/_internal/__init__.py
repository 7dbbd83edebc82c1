"""The reference's private modules, which its documentation tells authors to import from, under their old names."""

from __future__ import annotations

import sys

from mattermost_plugin import models as wrappers
from mattermost_plugin.api import channel
from mattermost_plugin.servicers import hook_runner

__all__ = ["channel", "hook_runner", "wrappers"]

# An import of `mattermost_plugin._internal.wrappers` looks here first, and finds it.
for _name in __all__:
    sys.modules[f"{__name__}.{_name}"] = globals()[_name]
