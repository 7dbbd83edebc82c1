"""A FastAPI application as a plugin. FastAPI does everything; the plugin is the last five lines."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from fastapi import Depends, FastAPI, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from mattermost_plugin import Plugin, run_plugin


class NoteText(BaseModel):
    """What a client writes."""

    text: str = Field(min_length=1, max_length=10_000)


class Note(BaseModel):
    """What a client reads."""

    id: int
    text: str


class Notebook:
    """Notes in memory; they are gone when the plugin stops."""

    def __init__(self) -> None:
        self.notes: dict[int, Note] = {}
        self._ids = itertools.count(1)

    def add(self, note: NoteText) -> Note:
        """Keep a new note under an id of its own."""
        return self.put(next(self._ids), note)

    def put(self, note_id: int, note: NoteText) -> Note:
        """Keep a note in the place of an older one."""
        self.notes[note_id] = Note(id=note_id, text=note.text)
        return self.notes[note_id]


class State(TypedDict):
    """What the lifespan leaves for the requests."""

    notebook: Notebook


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Opens the notebook, with a first note in it."""
    notebook = Notebook()
    notebook.add(NoteText(text="Notes are kept until the plugin stops."))
    yield {"notebook": notebook}


def open_notebook(request: Request) -> Notebook:
    """The notebook of this process."""
    notebook: Notebook = request.state.notebook
    return notebook


OpenNotebook = Annotated[Notebook, Depends(open_notebook)]


def find_note(note_id: int, notebook: OpenNotebook) -> Note:
    """The note that the path names, or 404."""
    try:
        return notebook.notes[note_id]
    except KeyError:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no note {note_id}.") from None


FoundNote = Annotated[Note, Depends(find_note)]

fastapi_app = FastAPI(title="Notes", version="1.0.0", lifespan=lifespan)


@fastapi_app.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    """Where the documentation is."""
    return RedirectResponse("docs")


@fastapi_app.get("/notes")
async def list_notes(notebook: OpenNotebook) -> list[Note]:
    """All notes, the oldest first."""
    return list(notebook.notes.values())


@fastapi_app.post("/notes", status_code=status.HTTP_201_CREATED)
async def create_note(note: NoteText, notebook: OpenNotebook, request: Request, response: Response) -> Note:
    """Write a new note."""
    created = notebook.add(note)
    response.headers["location"] = str(request.url_for("read_note", note_id=created.id))
    return created


@fastapi_app.get("/notes/{note_id}")
async def read_note(note: FoundNote) -> Note:
    """Read one note."""
    return note


@fastapi_app.put("/notes/{note_id}")
async def replace_note(old: FoundNote, new: NoteText, notebook: OpenNotebook) -> Note:
    """Write a note anew."""
    return notebook.put(old.id, new)


@fastapi_app.delete("/notes/{note_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_note(note: FoundNote, notebook: OpenNotebook) -> None:
    """Throw a note away."""
    del notebook.notes[note.id]


class Notes(Plugin):
    """Hands every request to FastAPI."""

    app = fastapi_app


if __name__ == "__main__":
    run_plugin(Notes)
