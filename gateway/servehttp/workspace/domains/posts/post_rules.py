"""What a post may be, and what is read out of its text."""

from __future__ import annotations

import json
import re

from mattermost_plugin.models import Post
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.ids import is_id

MESSAGE_MAX = 16383
"""Characters of a message."""
PROPS_MAX = 800_000
"""Characters of the props as JSON."""
FILES_MAX = 300
"""Characters of the file ids as JSON: ten files."""
HASHTAGS_MAX = 1000
"""Characters of the hashtags with the spaces between them."""
HASHTAG_MIN = 3
"""Characters of a hashtag without the sign."""

EPHEMERAL = "system_ephemeral"
SYSTEM = "system_"
KNOWN_TYPES = frozenset({"", "slack_attachment", "me", "reminder", "burn_on_read", "system_generic"})

_HASHTAG = re.compile(r"(?<![\w#])#([^\W\d_][\w.-]*\w)")
_WORD = re.compile(r"\w+")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def check_post(post: Post) -> None:
    """Accept what a post that is to be stored holds.

    Raises:
        AppFailure: 400, a field is malformed; the id names it.
    """
    if not is_id(post.channel_id):
        raise _malformed("channel_id")
    if not is_id(post.user_id):
        raise _malformed("user_id")
    if post.root_id and not is_id(post.root_id):
        raise _malformed("root_id")
    if not is_known_type(post.type):
        raise _malformed("type")
    if len(json.dumps(post.file_ids, separators=(",", ":"))) > FILES_MAX:
        raise _malformed("file_ids")
    check_content(post)


def check_content(post: Post) -> None:
    """Accept a post's text and props.

    Raises:
        AppFailure: 400, either is too long.
    """
    if len(post.message) > MESSAGE_MAX:
        raise invalid(
            "model.post.is_valid.message_length.app_error",
            f"A message has at most {MESSAGE_MAX} characters.",
            where="Post.IsValid",
            Length=len(post.message),
            MaxLength=MESSAGE_MAX,
        )
    if len(json.dumps(post.props, ensure_ascii=False)) > PROPS_MAX:
        raise _malformed("props")


def is_known_type(type: str) -> bool:
    """Whether a post may be of this type: a user's, one of the server's, or a plugin's own."""
    return type in KNOWN_TYPES or type.startswith((SYSTEM, "custom_"))


def is_system(post: Post) -> bool:
    """Whether the server wrote it, to say that something happened."""
    return post.type.startswith(SYSTEM)


def counts(post: Post) -> bool:
    """Whether it is a message in the count of the channel's: those on comings and goings are not."""
    return not post.type.startswith(("system_join", "system_leave", "system_add", "system_remove"))


def hashtags(message: str) -> str:
    """The hashtags of a message, once each, with the sign and with spaces between them."""
    found = _HASHTAG.findall(without_code(message))
    tags = dict.fromkeys(f"#{tag}" for tag in found if len(tag) >= HASHTAG_MIN)
    text = " ".join(tags)
    return text if len(text) <= HASHTAGS_MAX else text[:HASHTAGS_MAX].rsplit(" ", 1)[0]


def without_code(message: str) -> str:
    """A message without what stands in backquotes, where nothing has a meaning."""
    return _CODE.sub(" ", message)


def words(message: str) -> set[str]:
    """The words of a message in lower case, as the search knows them; a hashtag counts with and without its sign."""
    return {word.lower() for word in _WORD.findall(message)} | set(hashtags(message).lower().split())


def _malformed(field: str) -> AppFailure:
    return invalid(f"model.post.is_valid.{field}.app_error", f"The post's {field} is malformed.", where="Post.IsValid")
