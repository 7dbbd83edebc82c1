"""Where users are: online, away, not to be disturbed, and what they say about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import CustomStatus, UserStatus, WebsocketBroadcast
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid, not_found
from servehttp.workspace.store.rows import changed, insert, many, scalar, to_row
from servehttp.workspace.store.tables.users import statuses as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users

SETTABLE = ("online", "away", "dnd", "offline")
DURATIONS = ("thirty_minutes", "one_hour", "four_hours", "today", "this_week", "date_and_time")
TEXT_MAX = 100
"""Characters of a custom status."""
CUSTOM = "customStatus"
"""Where a user's props have the custom status."""
MINUTE = 60
"""Seconds."""
NEVER = "0001-01-01T00:00:00Z"
DATES_END = 253_402_300_800_000
"""The first moment of the year 10000, which no date has."""


class Statuses(Domain):
    """Statuses. A "do not disturb" that has ended is over when it is looked at: the status before it holds again."""

    users: Users

    async def get(self, user_id: str) -> UserStatus:
        """A user's status.

        Raises:
            AppFailure: 404, there is no such user, or nothing is known.
        """
        found = await self.by_ids([user_id])
        if not found:
            raise not_found("app.status.get.missing.app_error", "status", where="GetStatus")
        return found[0]

    async def by_ids(self, user_ids: Sequence[str]) -> list[UserStatus]:
        """The statuses that are known of some users."""
        query = select(table).where(table.c.user_id.in_(user_ids)).order_by(table.c.user_id)
        async with self.db.reading() as tx:
            rows = {row.user_id: row.previous_status for row in await tx.execute(query)}
            found = await many(tx, UserStatus, query)
        return [self._current(status, rows[status.user_id]) for status in found]

    async def set(self, user_id: str, status: str, *, manual: bool = True) -> UserStatus:
        """Set a user's status; returns it. One that is set by hand is not changed by itself.

        Raises:
            AppFailure: 404; 400, there is no such status.
        """
        if status not in SETTABLE:
            raise invalid(
                "plugin.api.update_user_status.bad_status", "There is no such status.", where="UpdateUserStatus"
            )
        return await self._put(UserStatus(user_id=user_id, status=status, manual=manual))

    async def appear(self, user_id: str, status: str) -> None:
        """Set a status that the user has not chosen: one chosen by hand holds.

        Raises:
            AppFailure: 404; 400, there is no such status.
        """
        async with self.db.transaction():
            if not any(known.manual for known in await self.by_ids([user_id])):
                await self.set(user_id, status, manual=False)

    async def set_timed_dnd(self, user_id: str, end_time: int) -> UserStatus:
        """Set "do not disturb" up to a moment, in seconds since the epoch, cut to minutes; returns the status.

        Raises:
            AppFailure: 404.
        """
        ends = end_time - end_time % MINUTE
        return await self._put(UserStatus(user_id=user_id, status="dnd", manual=True, dnd_end_time=ends))

    async def set_custom(self, user_id: str, custom: CustomStatus) -> None:
        """Set the emoji and the text beside a user's name.

        Raises:
            AppFailure: 404; 400, both are empty, or a duration does not fit.
        """
        if not self._is_valid(custom):
            raise _bad_custom_status()
        value = {
            "emoji": custom.emoji or "speech_balloon",
            "text": custom.text[:TEXT_MAX],
            "duration": custom.duration,
            "expires_at": _date(custom.expires_at) if custom.duration else NEVER,
        }
        async with self.db.transaction():
            user = await self.users.get(user_id)
            await self.users.set_props(user_id, user.props | {CUSTOM: json.dumps(value)})

    async def remove_custom(self, user_id: str) -> None:
        """Take them away; nothing happens if there are none.

        Raises:
            AppFailure: 404.
        """
        async with self.db.transaction():
            user = await self.users.get(user_id)
            if user.props.get(CUSTOM):
                await self.users.set_props(user_id, user.props | {CUSTOM: ""})

    def publish_typing(self, user_id: str, channel_id: str, parent_id: str) -> None:
        """Show a user as typing to the others in a channel; `parent_id` is the thread's root, or empty."""
        broadcast = WebsocketBroadcast(channel_id=channel_id, omit_users=[user_id])
        self.publish("typing", {"parent_id": parent_id, "user_id": user_id}, broadcast)

    def _current(self, status: UserStatus, previous: str) -> UserStatus:
        if not status.dnd_end_time or status.dnd_end_time * 1000 > self.now():
            return status
        return replace(status, status=previous or "online", dnd_end_time=0, manual=False)

    def _is_valid(self, custom: CustomStatus) -> bool:
        if not custom.emoji and not custom.text:
            return False
        lasts = self.now() < custom.expires_at < DATES_END
        return not custom.duration or (custom.duration in DURATIONS and lasts)

    async def _put(self, status: UserStatus) -> UserStatus:
        new = replace(status, last_activity_at=self.now())
        async with self.db.transaction() as tx:
            await self.users.get(new.user_id)
            mine = table.c.user_id == new.user_id
            before = await scalar(tx, select(table.c.status).where(mine)) or ""
            await changed(tx, table.delete().where(mine))
            await insert(tx, table, to_row(new, table, previous_status="" if before == "dnd" else before))
            data = {"status": new.status, "user_id": new.user_id}
            self.publish("status_change", data, WebsocketBroadcast(user_id=new.user_id))
        return new


def _date(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat().replace("+00:00", "Z")


def _bad_custom_status() -> AppFailure:
    return invalid(
        "api.custom_status.set_custom_statuses.update.app_error",
        "A custom status has an emoji or a text, and with a duration a moment in the future.",
        where="SetCustomStatus",
    )
