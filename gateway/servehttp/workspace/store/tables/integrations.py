"""OAuth apps and what they were granted, webhooks, and dialogs that wait for an answer."""

from __future__ import annotations

from mattermost_plugin.models import OAuthApp
from servehttp.workspace.store.tables.columns import index, json, model_table, number, table, text

oauth_apps = model_table("oauth_apps", OAuthApp, index("creator_id"))

oauth_authorizations = table(
    "oauth_authorizations", text("user_id", key=True), text("app_id", key=True), text("scope"), index("app_id")
)

oauth_grants = table(
    "oauth_grants",
    text("token_hash", key=True),
    text("kind"),
    text("app_id"),
    text("user_id"),
    number("expires_at"),
    json("extra"),
    index("app_id"),
)
"""Codes, access and refresh tokens; `kind` says which."""

webhooks = table(
    "webhooks",
    text("id", key=True),
    text("kind"),
    text("team_id"),
    text("channel_id"),
    text("creator_id"),
    number("create_at"),
    number("update_at"),
    number("delete_at"),
    json("webhook"),
    index("team_id"),
    index("channel_id"),
)
"""`kind` is "incoming" or "outgoing"."""
