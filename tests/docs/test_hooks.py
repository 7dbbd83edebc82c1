"""The guide's tables have every hook, with the arguments that its handler gets and what it may decide."""

from __future__ import annotations

import re

from docs.pages import DOCS
from mattermost_plugin import HookName
from mattermost_plugin.hooks import VETOING_HOOKS
from mattermost_plugin.servicers.table import UNARY_HOOKS

TEXT = (DOCS / "python-plugins.md").read_text(encoding="utf-8")
REFERENCE = TEXT.partition("## Hook reference")[2].partition("## API reference")[0]
ROW = re.compile(r"^\| (?P<hook>[A-Z]\w+) \|(?P<gets>[^|]*)\|(?P<when>[^|]*)\|(?P<returns>[^|]*)\|$", re.MULTILINE)
ROWS = {row["hook"]: row for row in ROW.finditer(REFERENCE)}


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def test_each_of_the_41_hooks_is_documented_once() -> None:
    assert len(ROW.findall(REFERENCE)) == len(HookName) == 41
    assert set(ROWS) == {hook.value for hook in HookName}


def test_every_hook_is_documented_with_its_arguments() -> None:
    served = {
        name: [argument.field.replace("plugin_context", "context") for argument in hook.arguments]
        for name, hook in UNARY_HOOKS.items()
    }
    assert {hook: names(ROWS[hook]["gets"]) for hook in served} == served


def test_a_hook_that_may_veto_is_documented_with_what_it_may_decide() -> None:
    for hook in VETOING_HOOKS:
        assert ROWS[hook]["returns"].strip() != "–", hook
