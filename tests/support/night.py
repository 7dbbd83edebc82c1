"""A gateway on which something is wrong, for the console's pictures and its tests: one plugin has become slow.

The shop answers at once, but for its report: that waits for a worker of a pool which a forgotten job has taken. A
restart frees it. The mailer has ended, and does not come up again; the chat is well.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servehttp.testing.gateway import Gateway, running_gateway

SHOP, CHAT, MAILER = "com.example.shop", "com.example.chat", "com.example.mailer"
INTERVAL = 1.0
"""Seconds between two samples of the console's history."""

PLUGINS = {
    SHOP: """
import asyncio
from starlette.responses import PlainTextResponse
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get

class Shop(Plugin):
    stuck = False

    @get("/prices")
    async def prices(self, request):
        return PlainTextResponse("12.50")

    @get("/report")
    async def report(self, request):
        if self.stuck:
            print("[WARNING] report waits for a worker: all 4 are taken by export job 118", flush=True)
            await asyncio.sleep(2.5)
        return PlainTextResponse("sold: 18")

    @get("/export")
    async def export(self, request):
        type(self).stuck = True
        print("export job 118 begins", flush=True)
        return PlainTextResponse("begun")

run_plugin(Shop)
""",
    CHAT: """
from starlette.responses import PlainTextResponse
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get

class Chat(Plugin):
    @get("/messages")
    async def messages(self, request):
        return PlainTextResponse("nothing new")

run_plugin(Chat)
""",
    MAILER: """
import os, pathlib, sys
from starlette.responses import PlainTextResponse
from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get

BROKEN = pathlib.Path("broken")
if BROKEN.exists():
    sys.exit("MailerError: the queue mail.db is damaged at page 12")

class Mailer(Plugin):
    @get("/send")
    async def send(self, request):
        BROKEN.touch()
        print("writing mail.db", flush=True)
        os._exit(3)

run_plugin(Mailer)
""",
}
SETTINGS: dict[str, list[dict[str, Any]]] = {
    SHOP: [
        {"key": "Currency", "display_name": "Currency", "type": "dropdown", "default": "EUR",
         "options": [{"value": "EUR"}, {"value": "USD"}]},
        {"key": "Workers", "display_name": "Workers for reports", "type": "number", "default": 4,
         "help_text": "How many reports are made at a time."},
        {"key": "Discounts", "display_name": "Show discounts", "type": "bool", "default": True},
        {"key": "ApiKey", "display_name": "Key of the payment service", "type": "text", "secret": True},
    ]
}  # fmt: skip


@contextmanager
def troubled_gateway(folder: Path, *arguments: str) -> Iterator[Gateway]:
    """A gateway with these plugins.

    Args:
        folder: an empty one, where they are put.
        arguments: further ones of `servehttp serve`.
    """
    plugins = folder / "plugins"
    for plugin_id, program in PLUGINS.items():
        made = plugins / plugin_id
        made.mkdir(parents=True)
        schema = {"settings_schema": {"settings": SETTINGS[plugin_id]}} if plugin_id in SETTINGS else {}
        server = {"runtime": "python", "executable": "plugin.py"}
        (made / "plugin.json").write_text(json.dumps({"id": plugin_id, "version": "1.4.0", "server": server} | schema))
        (made / "plugin.py").write_text(program)
    config = folder / "servehttp.toml"
    config.write_text(f"[console]\ninterval = {INTERVAL}\n[plugins]\nrestart_delay = 0.1\nrestart_delay_max = 0.1\n")
    given = ("--config", str(config), *arguments)
    with running_gateway(plugins, arguments=given) as gateway:
        yield gateway


@contextmanager
def customers(gateway: Gateway) -> Iterator[None]:
    """Requests come meanwhile to the plugins that are well, one after the other."""
    over = threading.Event()

    def come(plugin_id: str, path: str) -> None:
        while not over.wait(INTERVAL / 8):
            ask(gateway, plugin_id, path)

    wanted = [(SHOP, "prices"), (SHOP, "report"), (SHOP, "report"), (CHAT, "messages")]
    threads = [threading.Thread(target=come, args=each) for each in wanted]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def ask(gateway: Gateway, plugin_id: str, path: str) -> bytes:
    """What a plugin answers; empty while it is not there."""
    try:
        with urllib.request.urlopen(gateway.plugin_url(path, plugin_id=plugin_id), timeout=30) as answer:
            content: bytes = answer.read()
            return content
    except OSError:
        return b""
