"""A slash command: `/roll 20` throws a die."""

import random

from mattermost_plugin import (
    Command,
    CommandResponse,
    HookName,
    Plugin,
    hook,
    run_plugin,
)
from mattermost_plugin.models import CommandArgs, PluginContext

MOST_SIDES = 1000


class TemplatePlugin(Plugin):
    @hook(HookName.OnActivate)
    async def start(self) -> None:
        command = Command(
            trigger="roll", auto_complete=True, auto_complete_hint="[sides]", auto_complete_desc="Throw a die"
        )
        await self.async_api.register_command(command)

    @hook(HookName.ExecuteCommand)
    async def roll(self, context: PluginContext, args: CommandArgs) -> CommandResponse:
        _, _, said = args.command.partition(" ")
        sides = int(said) if said.isdigit() and len(said) < 5 else 0
        if not 2 <= sides <= MOST_SIDES:
            return CommandResponse(response_type="ephemeral", text=f"Say how many sides: 2 to {MOST_SIDES}.")
        return CommandResponse(response_type="in_channel", text=f"Rolled {random.randint(1, sides)} of {sides}.")


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
