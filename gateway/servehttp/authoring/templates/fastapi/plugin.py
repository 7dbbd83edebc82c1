"""A FastAPI application as a plugin: its documentation is at docs below the plugin's address."""

from fastapi import FastAPI, HTTPException
from fastapi.responses import RedirectResponse
from mattermost_plugin import Plugin, run_plugin
from pydantic import BaseModel, Field

api = FastAPI(title="Template title")
items: dict[str, "Item"] = {}


class Item(BaseModel):
    price: float = Field(ge=0)
    tags: list[str] = []


@api.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    return RedirectResponse("docs")


@api.put("/items/{name}")
async def write(name: str, item: Item) -> Item:
    items[name] = item
    return item


@api.get("/items/{name}")
async def read(name: str) -> Item:
    if name not in items:
        raise HTTPException(404, "there is no such item")
    return items[name]


class TemplatePlugin(Plugin):
    app = api


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
