"""A slash command: `/roll 20` throws a die."""

import random

from mattermost_plugin import (
    CommandResponse,
    Plugin,
    UsageError,
    command,
    run_plugin,
)

MOST_SIDES = 1000


class TemplatePlugin(Plugin):
    @command("roll", description="Throw a die")
    async def roll(self, sides: int = 6) -> CommandResponse:
        if not 2 <= sides <= MOST_SIDES:
            raise UsageError(f"A die has 2 to {MOST_SIDES} sides.")
        return CommandResponse(response_type="in_channel", text=f"Rolled {random.randint(1, sides)} of {sides}.")


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
