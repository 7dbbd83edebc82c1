"""Files and uploads. What they hold is in files by id in the data folder (`store/blobs.py`)."""

from __future__ import annotations

from mattermost_plugin.models import FileInfo, UploadSession
from servehttp.workspace.store.tables.columns import index, model_table, text

files = model_table(
    "files",
    FileInfo,
    text("path"),
    text("content_id"),
    text("searchable_content"),
    index("post_id"),
    index("channel_id", "create_at"),
    index("creator_id", "create_at"),
    index("path"),
)
"""`content_id` names the file on disk, which copies share; `path` is what ReadFile asks for."""

upload_sessions = model_table("upload_sessions", UploadSession, index("user_id"))
