"""Running slash commands: finding who answers, asking, and posting the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mattermost_plugin.models import Command, CommandArgs, CommandResponse, Post
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.plugins.built_in_commands import BUILT_IN, IN_CHANNEL
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.hooks import HookFailed

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.people.permissions import Permissions
    from servehttp.workspace.domains.people.statuses import Statuses
    from servehttp.workspace.domains.people.users import Users
    from servehttp.workspace.domains.plugins.commands import Commands
    from servehttp.workspace.domains.plugins.dialogs import Dialogs
    from servehttp.workspace.domains.posts.ephemeral_posts import EphemeralPosts
    from servehttp.workspace.domains.posts.posts import Posts

WHERE = "ExecuteCommand"


class SlashCommands(Domain):
    """What users type behind a slash."""

    commands: Commands
    config: Config
    dialogs: Dialogs
    ephemeral_posts: EphemeralPosts
    permissions: Permissions
    posts: Posts
    statuses: Statuses
    users: Users

    async def execute(self, args: CommandArgs) -> CommandResponse:
        """Run a command as a user, and post what it answers: for all, or for the user alone. Returns the answer.

        Raises:
            AppFailure: 404, there is no such command or user; 400, it is no command; 501, a stored one, whose address
                this host does not call; or what the plugin says.
        """
        await self.config.require("ServiceSettings", "EnableCommands", "Commands are switched off.")
        trigger, message = _parsed(args.command)
        await self.users.get(args.user_id)
        command = await self.commands.find(args.team_id, trigger)
        if command is None:
            raise not_found(
                "api.command.execute_command.not_found.app_error", "command", where=WHERE, detail=f"trigger={trigger}"
            )
        args = await self._completed(args)
        response = await self._run(command, args, message)
        await self._post(command, args, response)
        return response

    async def _completed(self, args: CommandArgs) -> CommandArgs:
        """With what a plugin needs to answer by a form, or by a link."""
        site_url = (await self.config.section("ServiceSettings"))["SiteURL"]
        trigger_id = self.dialogs.new_trigger(args.user_id, args.trigger_id)
        return replace(args, site_url=site_url, trigger_id=trigger_id)

    async def _run(self, command: Command, args: CommandArgs, message: str) -> CommandResponse:
        if command.id:
            raise AppFailure(
                "api.command.execute_command.not_called.app_error",
                "This host calls no addresses of commands.",
                501,
                where=WHERE,
            )
        if command.plugin_id:
            return await self._ask(command, args)
        own = BUILT_IN[command.trigger]
        if own.status:
            await self.statuses.set(args.user_id, own.status)
        return own.respond(message)

    async def _ask(self, command: Command, args: CommandArgs) -> CommandResponse:
        try:
            answer = await self.hooks.ask_one(command.plugin_id, "ExecuteCommand", self.request, args=args)
        except HookFailed as failure:
            raise AppFailure(
                "model.plugin_command.error.app_error",
                f"The command /{command.trigger} of plugin {command.plugin_id} failed.",
                500,
                where=WHERE,
                detail=str(failure),
            ) from failure
        if answer.HasField("error"):
            error = answer.error
            status = error.status_code or 500
            text = f"/{command.trigger}: {error.message}"
            raise AppFailure(error.id, text, status, where=WHERE, detail=error.detailed_error)
        return CommandResponse.from_proto(answer.response)

    async def _post(self, command: Command, args: CommandArgs, response: CommandResponse) -> None:
        if not response.text and not response.props:
            return
        post = Post(
            user_id=args.user_id,
            channel_id=response.channel_id or args.channel_id,
            root_id=args.root_id,
            message=response.text,
            type=response.type,
            props=response.props | await self._shown_as(command, response),
        )
        if not await self._may_post(args, post.channel_id):
            text = f"The answer to /{command.trigger} is for a channel that you may not post in."
            self.ephemeral_posts.send(args.user_id, Post(channel_id=args.channel_id, message=text))
        elif response.response_type == IN_CHANNEL:
            await self.posts.create(post)
        else:
            self.ephemeral_posts.send(args.user_id, post)

    async def _shown_as(self, command: Command, response: CommandResponse) -> dict[str, str]:
        """Under which name and icon, unless it is the user's own, or none but that are permitted."""
        if not command.plugin_id:
            return {}
        settings = await self.config.section("ServiceSettings")
        name = settings["EnablePostUsernameOverride"] and (response.username or command.username)
        icon = settings["EnablePostIconOverride"] and (response.icon_url or command.icon_url)
        shown = {"override_username": name, "override_icon_url": icon}
        return {"from_webhook": "true"} | {prop: value for prop, value in shown.items() if value}

    async def _may_post(self, args: CommandArgs, channel_id: str) -> bool:
        """Whether an answer may go to a channel: where the command was given, or where the user may write."""
        there = await self.permissions.has_in_channel(args.user_id, channel_id, "create_post")
        return there or channel_id == args.channel_id


def _parsed(command: str) -> tuple[str, str]:
    """The trigger, in lower case, and the rest."""
    first, *rest = command.split(maxsplit=1) or [""]
    if not first.startswith("/") or first == "/":
        raise invalid("api.command.execute_command.start.app_error", "A command begins with a slash.", where=WHERE)
    return first.removeprefix("/").lower(), "".join(rest).strip()
