"""Roles and what they permit."""

from __future__ import annotations

from servehttp.workspace.store.tables.columns import flag, index, json, number, table, text

roles = table(
    "roles",
    text("id", key=True),
    text("name"),
    text("display_name"),
    text("description"),
    number("create_at"),
    number("update_at"),
    number("delete_at"),
    json("permissions"),
    flag("scheme_managed"),
    flag("built_in"),
    index("name", unique=True),
)
