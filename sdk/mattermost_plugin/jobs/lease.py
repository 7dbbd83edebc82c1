"""Who runs a job: one process of all, by a key in the plugin's key-value store that expires unless it is renewed."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.models import PluginKVSetOptions

LEASE = 60
"""Seconds after which another process may run what a process that was killed has begun."""
RENEWAL = 20.0
RETRY = 5.0
"""Seconds until a renewal that failed is tried again."""
CALL_TIMEOUT = 5.0
RELEASE_TIMEOUT = 0.3
"""Seconds: the process may be about to end."""

logger = get_logger("mattermost_plugin.jobs")


class Store(Protocol):
    """What jobs need of a key-value store: a part of `AsyncPluginAPIClient`."""

    async def kv_get(self, key: str, *, timeout: float | None = None) -> bytes | None: ...

    async def kv_set(self, key: str, value: bytes, *, timeout: float | None = None) -> None: ...

    async def kv_set_with_options(
        self, key: str, value: bytes, options: PluginKVSetOptions, *, timeout: float | None = None
    ) -> bool: ...

    async def kv_compare_and_delete(self, key: str, old_value: bytes, *, timeout: float | None = None) -> bool: ...


class MemoryStore:
    """A `Store` for a plugin that has no host, and so runs in one process; nothing in it expires."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def kv_get(self, key: str, *, timeout: float | None = None) -> bytes | None:
        return self._values.get(key)

    async def kv_set(self, key: str, value: bytes, *, timeout: float | None = None) -> None:
        self._values[key] = value

    async def kv_set_with_options(
        self, key: str, value: bytes, options: PluginKVSetOptions, *, timeout: float | None = None
    ) -> bool:
        if options.atomic and self._values.get(key) != options.old_value:
            return False
        self._values[key] = value
        return True

    async def kv_compare_and_delete(self, key: str, old_value: bytes, *, timeout: float | None = None) -> bool:
        if self._values.get(key) != old_value:
            return False
        del self._values[key]
        return True


class Lease:
    """The right to run a job, which one process of all has.

    Args:
        store: where it is kept.
        key: under which key.
        owner: the name of this process, which no other has.
    """

    def __init__(self, store: Store, key: str, owner: str) -> None:
        self._store = store
        self._key = key
        self._owner = owner.encode()

    async def acquire(self) -> bool:
        """Take it, if nobody has it."""
        return await self._set(None)

    async def keep(self) -> None:
        """Renew it; returns when it is lost, or was not renewed for so long that it may be."""
        loop = asyncio.get_running_loop()
        renewed, wait = loop.time(), RENEWAL
        while loop.time() + wait < renewed + LEASE - CALL_TIMEOUT:
            await asyncio.sleep(wait)
            begun = loop.time()
            try:
                if not await self._set(self._owner):
                    return
                renewed, wait = begun, RENEWAL
            except Exception as error:  # the host may be away for a while
                logger.warning("the lease %s was not renewed: %s", self._key, error)
                wait = RETRY

    async def release(self) -> None:
        """Give it back; if that fails, it expires."""
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await self._store.kv_compare_and_delete(self._key, self._owner, timeout=RELEASE_TIMEOUT)
        except Exception as error:  # whatever fails, time heals it
            logger.debug("the lease %s expires, because it could not be given back: %s", self._key, error)

    async def _set(self, old: bytes | None) -> bool:
        options = PluginKVSetOptions(atomic=True, old_value=old, expire_in_seconds=LEASE)
        return await self._store.kv_set_with_options(self._key, self._owner, options, timeout=CALL_TIMEOUT)
