"""Plugins' keys and values. A key that has expired does not exist, for any operation."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, or_, select

from mattermost_plugin.models import PluginKVSetOptions
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid
from servehttp.workspace.store.rows import changed, insert, paged, scalar
from servehttp.workspace.store.tables.kv import plugin_kv as table

KEY_MAX = 150
"""Characters of a key."""


class KeyValues(Domain):
    """The key-value store. Every plugin has keys of its own, which no other one can name.

    A value is never empty: an empty one means that there is none, so storing it deletes the key. Methods raise an
    `AppFailure` with status 400 for a key that is empty or has more than 150 characters.
    """

    async def get(self, plugin_id: str, key: str) -> bytes | None:
        """The value of a key, or None."""
        _check_key(key)
        async with self.db.reading() as tx:
            found: bytes | None = await scalar(tx, self._live(plugin_id, key))
            return found

    async def set(self, plugin_id: str, key: str, value: bytes, *, expire_in_seconds: int = 0) -> None:
        """Store a value, for ever if `expire_in_seconds` is 0."""
        await self.set_with_options(plugin_id, key, value, PluginKVSetOptions(expire_in_seconds=expire_in_seconds))

    async def delete(self, plugin_id: str, key: str) -> None:
        """Delete a key; one that does not exist is no error."""
        await self.set_with_options(plugin_id, key, b"", PluginKVSetOptions())

    async def compare_and_set(self, plugin_id: str, key: str, old: bytes | None, new: bytes) -> bool:
        """Store a value if the present one is `old`, or if there is none and `old` is None; returns whether it did."""
        return await self.set_with_options(plugin_id, key, new, PluginKVSetOptions(atomic=True, old_value=old))

    async def compare_and_delete(self, plugin_id: str, key: str, old: bytes) -> bool:
        """Delete a key if its value is `old`; returns whether it did."""
        return bool(old) and await self.compare_and_set(plugin_id, key, old, b"")

    async def set_with_options(self, plugin_id: str, key: str, value: bytes, options: PluginKVSetOptions) -> bool:
        """Store a value under conditions; returns whether it did.

        Raises:
            AppFailure: 400, the options contradict one another or the expiry is negative.
        """
        _check_key(key)
        _check_options(options)
        async with self.db.transaction() as tx:
            if options.atomic and await scalar(tx, self._live(plugin_id, key)) != (options.old_value or None):
                return False
            await changed(tx, table.delete().where(table.c.plugin_id == plugin_id, table.c.key == key))
            if value:
                await insert(tx, table, self._row(plugin_id, key, value, options.expire_in_seconds))
            return True

    async def keys(self, plugin_id: str, page: int, per_page: int) -> list[str]:
        """A page of a plugin's keys, in order."""
        query = select(table.c.key).where(table.c.plugin_id == plugin_id, self._alive()).order_by(table.c.key)
        async with self.db.reading() as tx:
            return list((await tx.execute(paged(query, page, per_page))).scalars())

    async def delete_all(self, plugin_id: str) -> None:
        """Delete all keys of a plugin."""
        async with self.db.transaction() as tx:
            await changed(tx, table.delete().where(table.c.plugin_id == plugin_id))

    async def forget_expired(self) -> int:
        """Delete the rows of expired keys, of all plugins; returns how many. Nobody can tell, but for the room."""
        async with self.db.transaction() as tx:
            return await changed(tx, table.delete().where(~self._alive()))

    def _live(self, plugin_id: str, key: str) -> Select[tuple[bytes]]:
        return select(table.c.value).where(table.c.plugin_id == plugin_id, table.c.key == key, self._alive())

    def _alive(self) -> ColumnElement[bool]:
        return or_(table.c.expire_at == 0, table.c.expire_at > self.now())

    def _row(self, plugin_id: str, key: str, value: bytes, seconds: int) -> dict[str, object]:
        expire_at = self.now() + seconds * 1000 if seconds else 0
        return {"plugin_id": plugin_id, "key": key, "value": value, "expire_at": expire_at}


def _check_key(key: str) -> None:
    if not 0 < len(key) <= KEY_MAX:
        raise invalid(
            "model.plugin_key_value.is_valid.key.app_error",
            f"A key has 1 to {KEY_MAX} characters.",
            where="PluginKeyValue.IsValid",
            Max=KEY_MAX,
            Min=0,
        )


def _check_options(options: PluginKVSetOptions) -> None:
    where = "PluginKVSetOptions.IsValid"
    if options.old_value and not options.atomic:
        raise invalid(
            "model.plugin_kvset_options.is_valid.old_value.app_error", "old_value is only for atomic sets.", where=where
        )
    if options.expire_in_seconds < 0:
        raise invalid(
            "model.plugin_kvset_options.is_valid.expire_in_seconds.app_error",
            "A key cannot expire in the past.",
            where=where,
        )
