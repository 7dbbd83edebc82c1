"""Files come in, of any size, and everybody sees how far they are."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from dataclasses import asdict
from pathlib import Path

from mattermost_plugin.forms import FormLimits, FormPart, stream_form
from mattermost_plugin.routing import get, post
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse

from shelf.base import ShelfBase
from shelf.catalogue import Catalogue, Item, ShelfFull

MOST_FILES = 20
"""Of one form."""
REPORT_EVERY = 0.2
"""Seconds between two events about a file that comes in."""


class Uploads(ShelfBase):
    """Routes that take files, list them, and give them back."""

    folder = Path(tempfile.gettempdir()) / "com.example.shelf"
    """Where files lie. Not the plugin's own folder, which is another one after an upgrade."""

    @property
    def catalogue(self) -> Catalogue:
        """What lies on the shelf."""
        return Catalogue(self.async_api)

    @get("/files")
    async def files(self, request: Request) -> JSONResponse:
        """What lies on the shelf, as JSON."""
        return JSONResponse([asdict(item) for item in await self.catalogue.items()])

    @get("/files/{id}")
    async def download(self, request: Request) -> FileResponse:
        """A file; ranges and HEAD are FileResponse's."""
        wanted = request.path_params["id"]
        for item in await self.catalogue.items():
            if item.id == wanted:
                return FileResponse(self.folder / item.id, filename=item.name)
        raise HTTPException(404, "There is no such file.")

    @post("/files")
    async def upload(self, request: Request) -> JSONResponse:
        """Take the files of a form, each while it comes in."""
        limits = FormLimits(parts=MOST_FILES, file_size=self.settings.max_megabytes * 1024**2)
        stored = [await self._store(part) async for part in stream_form(request, limits) if part.filename]
        return JSONResponse([asdict(item) for item in stored])

    @get("/events")
    async def events(self, request: Request) -> EventSourceResponse:
        """What happens to files, as server-sent events."""
        return EventSourceResponse({"data": event} async for event in self.announcements.listen())

    async def _store(self, part: FormPart) -> Item:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / uuid.uuid4().hex
        reporting = self.tasks.start(self._report(part))
        try:
            size = await part.save(path)  # which is never in memory whole, and slows its sender down to the disk's pace
        finally:
            reporting.cancel()
        item = Item(path.name, str(part.filename), size, time.time())
        try:
            await self.catalogue.add(item)
        except ShelfFull:
            path.unlink()
            raise HTTPException(507, "The shelf is full.") from None
        self.announcements.tell(kind="stored", name=item.name, size=size)
        return item

    async def _report(self, part: FormPart) -> None:
        while True:
            self.announcements.tell(kind="arriving", name=part.filename, size=part.size)
            await asyncio.sleep(REPORT_EVERY)
