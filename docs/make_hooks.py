"""Writes docs/hooks-events.md from the events that the tests fire; with --check it only compares.

Usage: python docs/make_hooks.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE / "hooks-events.md"

sys.path.insert(0, str(HERE.parent / "tests"))
import support.every_hook  # noqa: E402, F401  # it fills the list
from support.hook_scene import EVENTS, Event  # noqa: E402

INTRODUCTION = """\
<!-- Made by docs/make_hooks.py from tests/support/every_hook.py; do not edit. -->

# What fires the hooks

Each of the {count} hooks, and the events of the embedded workspace that fire it. `POST /posts` is a route of
[the REST API](rest.md), `CreatePost` [a rpc of the plugin API](host-api.md); other ways to the same event fire the same
hook. A test does each of them to a whole gateway, and looks at what a plugin's handler was given.

Some hooks belong to nothing that happens in a workspace without a licence, a cluster or a SAML service. They are fired
by a call of whoever embeds the workspace, `ws` (`GatewayApp.host.workspace`), and by nothing else.

| hook | fired by |
|---|---|
"""


def page() -> str:
    """The whole text."""
    return INTRODUCTION.format(count=len(EVENTS)) + "".join(map(_row, sorted(EVENTS, key=lambda event: event.hook)))


def _row(event: Event) -> str:
    return f"| `{event.hook}` | {event.what} |\n"


def main() -> None:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/hooks-events.md is not what the tests fire: run python docs/make_hooks.py")


if __name__ == "__main__":
    main()
