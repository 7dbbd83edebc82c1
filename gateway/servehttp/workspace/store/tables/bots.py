"""Bots; each has a user of the same id as well."""

from __future__ import annotations

from mattermost_plugin.models import Bot
from servehttp.workspace.store.tables.columns import index, model_table

bots = model_table("bots", Bot, index("owner_id"), key="user_id", omit="username display_name")
"""Username and display name are the user's username and first name."""
