"""A list of what is to do for each user, changed by a slash command and on a page, wherever they are first."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from string import Template

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mattermost_plugin import HookName, Plugin, hook, login_url, run_plugin
from mattermost_plugin.models import Bot, Command, CommandArgs, CommandResponse, PluginContext, Post
from mattermost_plugin.routing import get, post

PAGE = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
ITEM = '<li><span>{number}. {text}</span><button name="done" value="{number}">Done</button></li>'
LONGEST = 200
"""Characters of what is to do."""
BOT = Bot(username="todo", display_name="Todo", description="Tells you what changed in your list.")
COMMAND = Command(
    trigger="todo",
    auto_complete=True,
    auto_complete_desc="Write down what is to do, or that it is done; without a text, show the list",
    auto_complete_hint="[text] or done [number]",
)


@dataclass(frozen=True)
class Todos:
    """One user's list. Numbers are never used again, so that one means the same to everybody who has seen it."""

    last: int = 0
    items: dict[str, str] = field(default_factory=dict)
    """Texts by number, which JSON has as text."""

    @classmethod
    def parse(cls, value: bytes | None) -> Todos:
        """The list that is stored."""
        return cls(**json.loads(value or b"{}"))

    def added(self, text: str) -> Todos:
        """The list with one more."""
        number = self.last + 1
        return Todos(number, {**self.items, str(number): text})

    def done(self, number: str) -> Todos:
        """The list without one; nothing changes if it is not there."""
        return replace(self, items={key: text for key, text in self.items.items() if key != number})

    def __str__(self) -> str:
        return "\n".join(f"{number}. {text}" for number, text in self.items.items()) or "Nothing is to do."


class TodoPlugin(Plugin):
    """Keeps each user's list under a key of its own. Its bot tells the user what has changed."""

    @hook(HookName.OnActivate)
    async def on_activate(self) -> None:
        self.bot_id = await self.async_api.ensure_bot_user(BOT)
        await self.async_api.register_command(COMMAND)

    @hook(HookName.ExecuteCommand)
    async def todo(self, context: PluginContext, args: CommandArgs) -> CommandResponse:
        _, _, text = args.command.strip().partition(" ")
        match text.split():
            case ["done", number]:
                todos = await self.finish(args.user_id, number)
            case []:
                todos = await self.todos(args.user_id)
            case _:
                todos = await self.add(args.user_id, text)
        return CommandResponse(text=str(todos))

    @get("/")
    async def show(self, request: Request) -> Response:
        """The list; a browser in which nobody is logged in is sent to the login, and comes back."""
        if not request.user.is_authenticated and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(login_url(request))
        return page(request, await self.todos(user_of(request)))

    @post("/")
    async def submit(self, request: Request) -> HTMLResponse:
        """Take what the page's form sends: `text` to add, or the number that is `done`."""
        user_id, form = user_of(request), await request.form()
        number, text = form.get("done"), form.get("text")
        if isinstance(number, str):
            return page(request, await self.finish(user_id, number))
        if isinstance(text, str):
            return page(request, await self.add(user_id, text))
        raise HTTPException(400, "The form has neither a text nor what is done.")

    async def todos(self, user_id: str) -> Todos:
        """A user's list of now."""
        return Todos.parse(await self.async_api.kv_get(user_id))

    async def add(self, user_id: str, text: str) -> Todos:
        """Write down what is to do, without what no list has room for."""
        text = " ".join(text.split())[:LONGEST]
        if not text:
            return await self.todos(user_id)
        _, new = await self.change(user_id, lambda todos: todos.added(text))
        await self.tell(user_id, f"{new.last}. {text}")
        return new

    async def finish(self, user_id: str, number: str) -> Todos:
        """Cross something out."""
        old, new = await self.change(user_id, lambda todos: todos.done(number))
        if number in old.items:
            await self.tell(user_id, f"{number}. ~~{old.items[number]}~~")
        return new

    async def change(self, user_id: str, change: Callable[[Todos], Todos]) -> tuple[Todos, Todos]:
        """Change a list; if it became another one meanwhile, change that one. Returns what it was, and what it is."""
        while True:
            stored = await self.async_api.kv_get(user_id)
            old = Todos.parse(stored)
            new = change(old)
            if await self.async_api.kv_compare_and_set(user_id, stored, json.dumps(asdict(new)).encode()):
                return old, new

    async def tell(self, user_id: str, message: str) -> None:
        """Have the bot write to a user."""
        channel = await self.async_api.get_direct_channel(self.bot_id, user_id)
        await self.async_api.create_post(Post(user_id=self.bot_id, channel_id=channel.id, message=message))


def user_of(request: Request) -> str:
    """Who is logged in; the gateway says so, and nobody else can.

    Raises:
        HTTPException: 401, because nobody is.
    """
    if user_id := request.headers.get("mattermost-user-id"):
        return user_id
    raise HTTPException(401, "Log in first, or add ?access_token=TOKEN to the address.")


def page(request: Request, todos: Todos) -> HTMLResponse:
    """The list and its forms, which show the gateway that they are ours by the cookie that only our pages can read."""
    items = [ITEM.format(number=number, text=html.escape(text)) for number, text in todos.items.items()]
    csrf = html.escape(request.cookies.get("MMCSRF", ""))
    return HTMLResponse(PAGE.substitute(items="\n".join(items), csrf=csrf, longest=LONGEST))


if __name__ == "__main__":
    run_plugin(TodoPlugin)
