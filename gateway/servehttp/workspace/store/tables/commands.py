"""Slash commands that call an address. Those of plugins last as long as the plugin runs, and are not kept."""

from __future__ import annotations

from mattermost_plugin.models import Command
from servehttp.workspace.store.tables.columns import index, model_table

commands = model_table("commands", Command, index("team_id", "trigger"), index("token"))
