"""Slash commands: those that plugins answer, those that are stored, and the workspace's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import ColumnElement, select

from mattermost_plugin.models import Command
from servehttp.workspace.domains.base.domain import Domain, Resources
from servehttp.workspace.domains.plugins.built_in_commands import BUILT_IN
from servehttp.workspace.errors import AppFailure, exists, invalid, not_found
from servehttp.workspace.ids import new_id
from servehttp.workspace.store.rows import changed, insert, many, one, scalar, to_row
from servehttp.workspace.store.tables.commands import commands as table
from servehttp.workspace.validation import check_length, is_web_address

TRIGGER_MAX = 128
LONGEST = {"url": 1024, "display_name": 64, "description": 128}
"""Characters."""
METHODS = ("P", "G")


class Commands(Domain):
    """Commands by trigger, which is in lower case. One without a team is there in every team.

    Attributes:
        relay: takes a plugin's id and a command that it offers at every gateway, and whether it still does; None where
            there are no other gateways.
    """

    relay: Callable[[str, Command, bool], None] | None = None

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._of_plugins: dict[tuple[str, str, str], Command] = {}  # by plugin, team and trigger

    def register(self, plugin_id: str, command: Command, *, everywhere: bool = False) -> None:
        """Offer a command that a plugin answers, instead of one that it offered under the same trigger.

        Args:
            plugin_id: whose it is.
            command: what is offered.
            everywhere: at other gateways as well, which have the same process for it.

        Raises:
            AppFailure: 400, the trigger is missing or malformed.
        """
        made = replace(command, trigger=_trigger(command.trigger), plugin_id=plugin_id, token="", url="")
        self._of_plugins[plugin_id, made.team_id, made.trigger] = made
        if everywhere and self.relay is not None:
            self.relay(plugin_id, made, True)

    def unregister(self, plugin_id: str, team_id: str, trigger: str, *, everywhere: bool = False) -> None:
        """Take back a command that a plugin offered, also at other gateways or not; nothing happens without one."""
        self._of_plugins.pop((plugin_id, team_id, trigger.lower()), None)
        if everywhere and self.relay is not None:
            self.relay(plugin_id, Command(team_id=team_id, trigger=trigger), False)

    def unregister_all(self, plugin_id: str) -> None:
        """Take back all that a plugin offered, because it stops."""
        self._of_plugins = {key: command for key, command in self._of_plugins.items() if key[0] != plugin_id}

    def of_plugins(self, team_id: str) -> list[Command]:
        """What plugins offer in a team, in the order of triggers."""
        offered = [command for command in self._of_plugins.values() if command.team_id in ("", team_id)]
        return sorted(offered, key=lambda command: (command.trigger, command.plugin_id))

    def built_in(self) -> list[Command]:
        """The workspace's own."""
        return [own.command for own in BUILT_IN.values()]

    async def stored(self, team_id: str) -> list[Command]:
        """Those stored for a team, in the order of triggers."""
        here = table.c.team_id.in_(("", team_id))
        query = select(table).where(here, table.c.delete_at == 0).order_by(table.c.trigger, table.c.id)
        async with self.db.reading() as tx:
            return await many(tx, Command, query)

    async def usable(self, team_id: str) -> list[Command]:
        """All that one can type in a team."""
        return self.of_plugins(team_id) + self.built_in() + await self.stored(team_id)

    async def create(self, command: Command) -> Command:
        """Store a command that calls an address; returns it with its id and its secret token.

        Raises:
            AppFailure: 400, a field is missing or malformed, or the trigger is taken.
        """
        now = self.now()
        made = replace(
            command, id=new_id(), token=new_id(), trigger=_trigger(command.trigger), create_at=now, update_at=now,
            delete_at=0,
        )  # fmt: skip
        _check(made)
        async with self.db.transaction() as tx:
            await self._check_free(made)
            await insert(tx, table, to_row(made, table))
        return made

    async def get(self, command_id: str) -> Command:
        """One stored command.

        Raises:
            AppFailure: 404.
        """
        command = await self._one(table.c.id == command_id)
        if command is None:
            raise not_found("store.sql_command.get.missing.app_error", "command", where="GetCommand")
        return command

    async def update(self, command_id: str, command: Command) -> Command:
        """Replace a stored command, but not its id, its token, its plugin and when it was made; returns it.

        Raises:
            AppFailure: 404; 400, a field is missing or malformed, or the trigger is taken.
        """
        async with self.db.transaction() as tx:
            old = await self.get(command_id)
            new = replace(
                command, id=old.id, token=old.token, plugin_id=old.plugin_id, create_at=old.create_at, delete_at=0,
                update_at=self.now(), team_id=command.team_id or old.team_id, trigger=_trigger(command.trigger),
                creator_id=command.creator_id or old.creator_id,
            )  # fmt: skip
            _check(new)
            await self._check_free(new)
            await changed(tx, table.update().where(table.c.id == command_id).values(to_row(new, table)))
        return new

    async def delete(self, command_id: str) -> None:
        """Delete a stored command.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction() as tx:
            await self.get(command_id)
            now = self.now()
            await changed(tx, table.update().where(table.c.id == command_id).values(delete_at=now, update_at=now))

    async def find(self, team_id: str, trigger: str) -> Command | None:
        """What a trigger stands for in a team: plugins' commands come first, the workspace's own last."""
        for command in self.of_plugins(team_id):
            if command.trigger == trigger:
                return command
        stored = await self._one((table.c.team_id.in_(("", team_id))) & (table.c.trigger == trigger))
        return stored or (BUILT_IN[trigger].command if trigger in BUILT_IN else None)

    async def _one(self, condition: ColumnElement[bool]) -> Command | None:
        async with self.db.reading() as tx:
            return await one(tx, Command, select(table).where(condition, table.c.delete_at == 0))

    async def _check_free(self, command: Command) -> None:
        query = select(table.c.id).where(
            table.c.team_id == command.team_id,
            table.c.trigger == command.trigger,
            table.c.delete_at == 0,
            table.c.id != command.id,
        )
        async with self.db.reading() as tx:
            taken = await scalar(tx, query) is not None
        if taken or command.trigger in BUILT_IN:
            raise exists("api.command.duplicate_trigger.app_error", "The trigger is taken.", where="CreateCommand")


def _trigger(text: str) -> str:
    trigger = text.lower()
    if not 0 < len(trigger) <= TRIGGER_MAX or trigger.startswith("/") or any(map(str.isspace, trigger)):
        raise _malformed("trigger")
    return trigger


def _check(command: Command) -> None:
    if not is_web_address(command.url):
        raise _malformed("url")
    if command.method not in METHODS:
        raise _malformed("method")
    if not command.creator_id and not command.plugin_id:
        raise _malformed("user_id")
    for name, longest in LONGEST.items():
        check_length(getattr(command, name), longest, _malformed(name))


def _malformed(name: str) -> AppFailure:
    return invalid(
        f"model.command.is_valid.{name}.app_error",
        f"The {name} of the command is missing or malformed.",
        where="Command.IsValid",
    )
