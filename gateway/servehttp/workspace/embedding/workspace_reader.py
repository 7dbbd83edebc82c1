"""The sessions of a workspace that the main process has open, looked up by a worker."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from servehttp.workspace.embedding.session_identity import SessionIdentity
from servehttp.workspace.embedding.watch import watching
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import Workspace, read_workspace


class WorkspaceReader:
    """Within `async with`, knows whom tokens stand for.

    Args:
        settings: those of the gateway.

    Attributes:
        identity: what the front asks.
    """

    def __init__(self, settings: Settings) -> None:
        self.identity = SessionIdentity(self._opened, settings.workspace.session_cache)
        self._settings = settings
        self._workspace: Workspace | None = None
        self._leaving = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect to the database."""
        opening = read_workspace(self._settings.data_dir, self._settings.workspace)
        self._workspace = await self._leaving.enter_async_context(opening)
        interval = self._settings.workspace.database_check_interval
        await self._leaving.enter_async_context(watching(self._workspace, interval))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        await self._leaving.aclose()

    def _opened(self) -> Workspace:
        assert self._workspace is not None
        return self._workspace
