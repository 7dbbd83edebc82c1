"""Teams and who is in them."""

from __future__ import annotations

from mattermost_plugin.models import Team, TeamMember
from servehttp.workspace.store.tables.columns import data, index, model_table, table, text

teams = model_table("teams", Team, index("name", unique=True), index("invite_id"), index("delete_at"))

team_members = model_table("team_members", TeamMember, index("user_id"), key="team_id user_id")

team_icons = table("team_icons", text("team_id", key=True), data("image"), text("mime_type"))
