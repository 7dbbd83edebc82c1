"""Properties: groups of fields that plugins define, and values of them."""

from __future__ import annotations

from mattermost_plugin.models import PropertyField, PropertyGroup, PropertyValue
from servehttp.workspace.store.tables.columns import index, model_table

property_groups = model_table("property_groups", PropertyGroup, index("name", unique=True))

property_fields = model_table("property_fields", PropertyField, index("group_id", "name"), index("target_id"))

property_values = model_table(
    "property_values",
    PropertyValue,
    index("group_id", "target_id", "field_id"),
    index("field_id"),
    index("target_id"),
)
