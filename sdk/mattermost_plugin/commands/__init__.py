"""Slash commands as methods of a plugin: `@command("poll")`."""

from mattermost_plugin.commands.arguments import UsageError
from mattermost_plugin.commands.decorator import command

__all__ = ["UsageError", "command"]
