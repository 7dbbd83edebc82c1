"""The tables in docs/plugins.md have every hook, with the arguments that its handler gets."""

from __future__ import annotations

import re
from pathlib import Path

from mattermost_plugin.hooks import VETOING_HOOKS
from mattermost_plugin.servicers.table import UNARY_HOOKS

TEXT = Path(__file__).parents[3].joinpath("docs", "plugins.md").read_text(encoding="utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """What handlers get, by hook."""
    found = re.findall(r"^\| ([A-Z]\w+) \|([^|]*)\|", text, re.MULTILINE)
    return {hook: [name.strip() for name in names.split(",") if name.strip()] for hook, names in found}


def test_every_hook_is_documented_with_its_arguments() -> None:
    served = {
        name: [argument.field.replace("plugin_context", "context") for argument in hook.arguments]
        for name, hook in UNARY_HOOKS.items()
    }
    assert rows(TEXT) == served


def test_the_hooks_that_may_veto_are_documented_as_such() -> None:
    section = TEXT.partition("### Hooks that may veto")[2].partition("###")[0]
    assert set(rows(section)) == VETOING_HOOKS
