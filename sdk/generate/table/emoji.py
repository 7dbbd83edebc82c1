"""Custom emoji."""

from __future__ import annotations

from mattermost_plugin.models import Emoji
from notation import repeatable, response, result, transfer, wire


@repeatable
def get_emoji_list(*, page: int = 0, per_page: int = 60, sort: str = "") -> list[Emoji]:
    """A page of the custom emoji.

    Args:
        sort: "name", or empty for the order of the server.

    Raises:
        PluginAPIError: custom emoji are switched off (501).
    """
    # The reference sends a field `sort`; on the wire it is `sort_by`.
    wire(sort_by=sort)


@repeatable
def get_emoji(emoji_id: str) -> Emoji:
    """One custom emoji by id.

    Raises:
        NotFoundError: there is no such emoji.
    """


@repeatable
def get_emoji_by_name(name: str) -> Emoji:
    """One custom emoji by name.

    Args:
        name: without the colons.

    Raises:
        NotFoundError: there is no such emoji.
    """


@repeatable
@transfer
def get_emoji_image(emoji_id: str) -> bytes:
    """The image file of a custom emoji.

    Raises:
        NotFoundError: there is no such emoji.
    """
    # The reference reads a field `image_data`; the wire has `image`, and its type beside it.
    result(response.image)
