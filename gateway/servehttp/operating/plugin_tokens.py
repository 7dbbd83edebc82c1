"""The command that makes a token for a plugin on another machine."""

from __future__ import annotations

from typing import Annotated

import typer

from servehttp.errors import SettingsError
from servehttp.operating.options import ConfigOption, DataDirOption, load_settings
from servehttp.workspace.embedding.choice import loading


def plugin_token(
    plugin_id: Annotated[str, typer.Argument(help="The plugin's id.", metavar="ID")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a token by which a plugin on another machine reaches the API; prints it once.

    The gateway's file gets only its digest; who takes that line out of the file takes the token back.
    """
    settings = load_settings(config, {"data_dir": data_dir})
    with loading():  # here, because the database's libraries take long to import
        from servehttp.workspace.embedding.remote_api import tokens_file
        from servehttp.workspace.rpc.plugin_tokens import add_token
    file = tokens_file(settings)
    if len(plugin_id.split()) != 1:
        raise SettingsError("", f"{plugin_id!r} is no id of a plugin")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        print(add_token(file, plugin_id.lower()))
    except OSError as error:
        raise SettingsError("", f"{file} cannot be written: {error.strerror or error}") from None
