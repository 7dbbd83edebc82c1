"""Groups, who is in them, and which teams and channels they fill."""

from __future__ import annotations

from mattermost_plugin.models import Group, GroupMember, GroupSyncable
from servehttp.workspace.store.tables.columns import index, model_table

groups = model_table("user_groups", Group, index("name"), index("source", "remote_id"))
"""A name is unique, but a group may have none."""

group_members = model_table("group_members", GroupMember, index("user_id"), key="group_id user_id")

group_syncables = model_table(
    "group_syncables", GroupSyncable, index("syncable_id"), key="group_id syncable_id syncable_type"
)
