"""`servehttp config`: what the settings are, where each comes from, and all that is wrong with them."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

from servehttp.errors import SettingsError
from servehttp.logs import escape_controls
from servehttp.operating.options import GivenSettings, JsonOption
from servehttp.operating.serve_options import with_serve_options
from servehttp.settings.shown import DEFAULT, ShownSetting, shown

WRONG = 2
"""The exit code where something is wrong with the settings."""

config = typer.Typer(
    help="Look at the settings. Takes the options of `servehttp serve`, so put `config show` in the place of `serve`.",
    no_args_is_help=True,
)


@config.command(epilog="Example: servehttp config show --config /etc/servehttp.toml --set-only")
@with_serve_options
def show(
    given: GivenSettings,
    set_only: Annotated[bool, typer.Option("--set-only", help="Leave out what has its default.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting with its value and where that comes from; passwords are masked."""
    rows = [row for row in shown(given.load(), given.sources()) if not set_only or row.origin != DEFAULT]
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        print(escape_controls(f"{row.name:<{width}}  {_value(row)}  ({row.origin})"))


@config.command(epilog="Example: servehttp config check --config /etc/servehttp.toml")
@with_serve_options
def check(given: GivenSettings) -> None:
    """Tell everything that is wrong with the settings, one line each; exit code 2 if anything is."""
    from servehttp.client_tls import check_tls  # here, because only this needs TLS

    try:
        problems = list(given.sources().problems())
        if not problems:
            check_tls(given.load().server)
    except SettingsError as error:
        problems = [error]
    for problem in problems:
        print(f"error: {escape_controls(str(problem))}", file=sys.stderr)
    if problems:
        raise typer.Exit(WRONG)
    print("The settings are good.")


def _value(row: ShownSetting) -> str:
    return "none" if row.value is None else json.dumps(row.value, ensure_ascii=False)
