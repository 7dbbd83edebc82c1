"""Plugins' keys and values."""

from __future__ import annotations

from servehttp.workspace.store.tables.columns import data, index, number, table, text

plugin_kv = table(
    "plugin_kv",
    text("plugin_id", key=True),
    text("key", key=True),
    data("value"),
    number("expire_at"),
    index("expire_at"),
)
"""`expire_at` 0: never. From that moment on there is no such key, whether or not the row is still there."""
