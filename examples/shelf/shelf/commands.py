"""The shelf, from any channel: `/shelf` and what to look for."""

from __future__ import annotations

from mattermost_plugin import command

from shelf.uploads import Uploads

MOST_SHOWN = 10


class Commands(Uploads):
    """A slash command."""

    @command("shelf", description="Show what lies on the shelf, or what of it has a word in its name")
    async def shelf(self, word: str = "") -> str:
        """The newest files, for who asked alone."""
        found = [item for item in await self.catalogue.items() if word.lower() in item.name.lower()]
        if not found:
            return f"Nothing on the shelf has “{word}” in its name." if word else "Nothing lies on the shelf."
        shown = [f"- {item.name}, {item.size:,} bytes" for item in reversed(found[-MOST_SHOWN:])]
        return "\n".join([f"**{len(found)} on the shelf**", *shown])
