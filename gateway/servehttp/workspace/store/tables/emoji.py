"""Custom emoji."""

from __future__ import annotations

from mattermost_plugin.models import Emoji
from servehttp.workspace.store.tables.columns import data, index, model_table, table, text

emoji = model_table("emoji", Emoji, index("name", "delete_at", unique=True))

emoji_images = table("emoji_images", text("emoji_id", key=True), data("image"), text("mime_type"))
