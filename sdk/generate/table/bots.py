"""Bots."""

from __future__ import annotations

from mattermost_plugin.models import Bot, BotGetOptions, BotPatch
from notation import repeatable, wire


def create_bot(bot: Bot) -> Bot:
    """Create a bot and its user, and return it with the user's id.

    Args:
        bot: `username` is needed.

    Raises:
        ValidationError: a field is malformed, or the username is taken.
    """


@repeatable
def get_bot(bot_user_id: str, *, include_deleted: bool = False) -> Bot:
    """One bot by its user's id.

    Raises:
        NotFoundError: there is no such bot.
    """


@repeatable
def get_bots(options: BotGetOptions | None = None) -> list[Bot]:
    """A page of the bots that meet the conditions.

    Args:
        options: the conditions; left out, the first 60 bots of any owner.
    """
    wire(options=(options or BotGetOptions()).to_proto())


def patch_bot(bot_user_id: str, patch: BotPatch) -> Bot:
    """Change some fields of a bot, and return it. Fields of the patch that are None stay as they are.

    Raises:
        NotFoundError: there is no such bot.
        ValidationError: a field is malformed, or the username is taken.
    """
    wire(bot_patch=patch)


def update_bot_active(bot_user_id: str, active: bool) -> Bot:
    """Deactivate or reactivate a bot, and return it.

    Args:
        active: false deactivates it.

    Raises:
        NotFoundError: there is no such bot.
    """


def permanent_delete_bot(bot_user_id: str) -> None:
    """Erase a bot and its user. There is no way back.

    Raises:
        NotFoundError: there is no such bot.
    """


@repeatable
def ensure_bot_user(bot: Bot) -> str:
    """The user id of the plugin's own bot, created or updated as needed; call it at every start.

    Args:
        bot: `username` is what counts; the owner is the plugin.

    Raises:
        ValidationError: a field is malformed, or somebody else has the username.
    """
