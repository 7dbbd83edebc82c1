"""Users, how they log in, and where they are."""

from __future__ import annotations

from mattermost_plugin.models import Session, User, UserAccessToken, UserStatus
from servehttp.workspace.store.tables.columns import data, index, json, model_table, number, table, text

users = model_table(
    "users",
    User,
    text("password_hash"),
    index("username", unique=True),
    index("email", unique=True),
    index("auth_service", "auth_data", unique=True),
    index("create_at"),
    index("update_at"),
    omit="password mfa_secret last_activity_at bot_last_icon_update",
)
"""`password_hash` is argon2's, empty for those who log in elsewhere; bots' icons are their profile images."""

profile_images = table(
    "profile_images", text("user_id", key=True), data("image"), text("mime_type"), number("update_at")
)

statuses = model_table("statuses", UserStatus, text("previous_status"), index("dnd_end_time"), key="user_id")
"""`previous_status` comes back when "do not disturb" ends."""

sessions = model_table("sessions", Session, index("token", unique=True), index("user_id"), omit="team_members")

access_tokens = model_table(
    "access_tokens",
    UserAccessToken,
    text("token_hash"),
    number("create_at"),
    index("token_hash", unique=True),
    index("user_id"),
    omit="token",
)

one_time_tokens = table(
    "one_time_tokens", text("token_hash", key=True), text("type"), number("create_at"), json("extra")
)
"""For password resets, invitations, verification of addresses; `extra` is what the type needs."""
