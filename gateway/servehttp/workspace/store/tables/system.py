"""The configuration, the plugins, the audit log, terms of service, and what the workspace knows of itself."""

from __future__ import annotations

from mattermost_plugin.models import AuditRecord
from servehttp.workspace.store.tables.columns import flag, index, json, model_table, number, table, text

system = table("system", text("name", key=True), text("value"))
"""Properties of the system by name: `InstallationDate`, `DiagnosticId`."""

configurations = table("configurations", text("id", key=True), number("create_at"), flag("active"), json("config"))
"""Every configuration that was saved; one is active."""

plugins = table("plugins", text("plugin_id", key=True), flag("enabled"), flag("greeted"), text("installed_by"))
"""Whether plugins are to run; `greeted`: OnInstall was called, with the user who installed it."""

collection_types = table(
    "collection_types", text("collection_type", key=True), text("topic_type", key=True), text("plugin_id")
)

audits = model_table("audits", AuditRecord, index("user_id", "create_at"), index("create_at"))

terms_of_service = table("terms_of_service", text("id", key=True), number("create_at"), text("user_id"), text("text"))

jobs = table(
    "jobs",
    text("id", key=True),
    text("type"),
    text("status"),
    number("create_at"),
    number("update_at"),
    json("job"),
    index("type", "status"),
)
