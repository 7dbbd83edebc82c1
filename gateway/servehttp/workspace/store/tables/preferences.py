"""Users' preferences."""

from __future__ import annotations

from mattermost_plugin.models import Preference
from servehttp.workspace.store.tables.columns import index, model_table

preferences = model_table("preferences", Preference, index("category", "name"), key="user_id category name")
