"""Posts, threads and reactions."""

from __future__ import annotations

from mattermost_plugin.models import Post, Reaction
from servehttp.workspace.store.tables.columns import flag, index, json, model_table, number, table, text

posts = model_table(
    "posts",
    Post,
    text("deleted_by"),
    index("channel_id", "create_at"),
    index("channel_id", "update_at"),
    index("root_id", "create_at"),
    index("user_id", "create_at"),
    index("pending_post_id", "user_id"),
    index("original_id"),
    omit="participants is_following metadata reply_count last_reply_at has_reactions",
)
"""Earlier texts of an edited post are rows with `original_id`, deleted. What is omitted is looked up or counted."""

post_priorities = table(
    "post_priorities", text("post_id", key=True), text("priority"), flag("requested_ack"), flag("persistent")
)

post_acknowledgements = table(
    "post_acknowledgements", text("post_id", key=True), text("user_id", key=True), number("acknowledged_at")
)

threads = table(
    "threads",
    text("post_id", key=True),
    text("channel_id"),
    text("team_id"),
    number("reply_count"),
    number("last_reply_at"),
    json("participants"),
    number("delete_at"),
    index("channel_id"),
    index("team_id", "last_reply_at"),
)
"""One for each root post that has replies; `participants` are user ids, the latest last."""

thread_memberships = table(
    "thread_memberships",
    text("post_id", key=True),
    text("user_id", key=True),
    flag("following"),
    number("last_updated"),
    number("last_viewed"),
    number("unread_mentions"),
    index("user_id"),
)

reactions = model_table("reactions", Reaction, index("channel_id"), key="user_id post_id emoji_name")

post_words = table("post_words", text("word", key=True), text("post_id", key=True), index("post_id"))
"""For search: each word of a post's message, in lower case."""

drafts = table(
    "drafts",
    text("user_id", key=True),
    text("channel_id", key=True),
    text("root_id", key=True),
    number("create_at"),
    number("update_at"),
    text("message"),
    json("draft"),
)
