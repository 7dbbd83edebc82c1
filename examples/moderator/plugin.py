"""Refuses posts with some words, masks others in them, and counts both."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.models import Command, CommandArgs, CommandResponse, PluginContext, Post
from mattermost_plugin.routing import get

Rules: TypeAlias = Mapping[str, str]
"""What happens to posts with a word: "refuse" or "mask"."""

PAGE = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
RULES = "rules"
"""Key of the rules, as JSON."""
REFUSED, MASKED = "refused", "masked"
"""Keys of the counters, as decimal digits."""
WORD = re.compile(r"\w+")
COMMAND = Command(
    trigger="moderate",
    auto_complete=True,
    auto_complete_desc="Refuse posts with a word, or mask it; without a word, show the rules",
    auto_complete_hint="[refuse|mask|allow] [word]",
)
USAGE = "Type `/moderate refuse WORD`, `/moderate mask WORD`, `/moderate allow WORD`, or `/moderate` for the rules."


class Moderator(Plugin):
    """Keeps rules and counters in the key-value store, where every process of it sees them."""

    @hook(HookName.OnActivate)
    async def on_activate(self) -> None:
        await self.async_api.register_command(COMMAND)

    @hook(HookName.MessageWillBePosted)
    async def check_post(self, context: PluginContext, post: Post) -> tuple[Post | None, str]:
        return await self.check(post)

    @hook(HookName.MessageWillBeUpdated)
    async def check_edit(self, context: PluginContext, new: Post, old: Post) -> tuple[Post | None, str]:
        return await self.check(new)

    async def check(self, post: Post) -> tuple[Post | None, str]:
        """The post to use instead, if it is to be another one, and the reason to refuse it, if there is one."""
        rules = await self.rules()
        found = {word: rule for word in WORD.findall(post.message) if (rule := rules.get(word.casefold()))}
        if not found or post.type.startswith("system_"):
            return None, ""
        refused = next((word for word, rule in found.items() if rule == "refuse"), None)
        if refused is not None:
            await self.count(REFUSED)
            return None, f'"{refused}" is not welcome here.'
        await self.count(MASKED)
        masked = WORD.sub(lambda word: "•" * len(word[0]) if word[0] in found else word[0], post.message)
        return replace(post, message=masked), ""

    @hook(HookName.ExecuteCommand)
    async def moderate(self, context: PluginContext, args: CommandArgs) -> CommandResponse:
        match args.command.split()[1:]:
            case []:
                return CommandResponse(text=listed(await self.rules()))
            case ["refuse" | "mask" | "allow" as rule, word] if WORD.fullmatch(word):
                if not await self.async_api.has_permission_to(args.user_id, "manage_system"):
                    return CommandResponse(text="Only administrators make rules.")
                await self.change(RULES, lambda value: with_rule(value, word.casefold(), rule))
                return CommandResponse(text=listed(await self.rules()))
        return CommandResponse(text=USAGE)

    @get("/")
    async def counters(self, request: Request) -> Response:
        """The rules and how often they were applied: a page for browsers, JSON for others."""
        rules, counts = await self.rules(), {key: await self.counted(key) for key in (REFUSED, MASKED)}
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(PAGE.substitute(counts, rules=html.escape(listed(rules))))
        return JSONResponse({**counts, "rules": rules})

    async def rules(self) -> Rules:
        """The rules of now, by word."""
        return parsed(await self.async_api.kv_get(RULES))

    async def counted(self, key: str) -> int:
        """The value of a counter."""
        return int(await self.async_api.kv_get(key) or b"0")

    async def count(self, key: str) -> None:
        """Count one more."""
        await self.change(key, lambda value: b"%d" % (int(value or b"0") + 1))

    async def change(self, key: str, change: Callable[[bytes | None], bytes]) -> None:
        """Change a value; if it became another one meanwhile, change that one."""
        while True:
            old = await self.async_api.kv_get(key)
            if await self.async_api.kv_compare_and_set(key, old, change(old)):
                return


def parsed(value: bytes | None) -> Rules:
    """The rules that are stored."""
    rules: Rules = json.loads(value or b"{}")
    return rules


def with_rule(value: bytes | None, word: str, rule: str) -> bytes:
    """The stored rules with another rule for a word, or with none if it is allowed."""
    rules = {**parsed(value), word: rule}
    if rule == "allow":
        del rules[word]
    return json.dumps(rules).encode()


def listed(rules: Rules) -> str:
    """The rules as a sentence each."""
    sentences = {"refuse": "Posts with “{}” are refused.", "mask": "“{}” is masked."}
    return "\n".join(sentences[rule].format(word) for word, rule in sorted(rules.items())) or "All words are allowed."


if __name__ == "__main__":
    run_plugin(Moderator)
