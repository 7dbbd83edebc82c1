"""Writes docs/settings.md from the settings in the code; with --check it only compares.

Usage: python docs/make_settings.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from servehttp.settings.sources import environment_name, every_setting
from servehttp.workspace.settings import Settings

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
<!-- Made by docs/make_settings.py from the settings in gateway/servehttp; do not edit. -->

# Settings

A value comes from the command line, else from the environment, else from the TOML file that `--config` or
`SERVEHTTP_CONFIG` names, else it is the default. In the file the part before the dot is the table: `server.port` is
`port` in `[server]`. A name that does not exist is an error, wherever it stands.

| setting | environment | default | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The whole text."""
    return INTRODUCTION + "".join(_row(name, field) for name, field in every_setting(Settings))


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name}` | `{environment_name(name)}` | {_default(field)} | {field.description} |\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (None, (), {}, "", PydanticUndefined):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{int(value)}`" if isinstance(value, int) else f"`{value}`"


def main() -> None:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/settings.md is not what the settings say: run python docs/make_settings.py")


if __name__ == "__main__":
    main()
