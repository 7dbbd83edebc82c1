"""`servehttp backup` and `servehttp restore`: all that a gateway keeps, as one file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from servehttp import logs
from servehttp.operating.options import ConfigOption, DataDirOption, load_settings
from servehttp.workspace.embedding.choice import loading


def backup(
    file: Annotated[Path, typer.Argument(help="The .tar.gz to make.", metavar="FILE", dir_okay=False)],
    without_database: Annotated[
        bool, typer.Option("--without-database", help="Only the files and the plugins; where PostgreSQL has the rest.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Back up the data folder, while a gateway serves it as well: database, files and installed plugins.

    The file has all secrets of the workspace, and is readable for our user alone.
    """
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():  # here, because the database's libraries take long to import
        from servehttp.workspace.embedding.backups import back_up

    made = back_up(settings, file, database=not without_database, replace=force)
    print(f"{made.file}: {_counted(made.files)}, {made.size:,} bytes")
    if made.elsewhere:
        print(f"Without the uploaded files: save {made.elsewhere} as well, after this.", file=sys.stderr)


def restore(
    file: Annotated[
        Path, typer.Argument(help="What `servehttp backup` has made.", metavar="FILE", exists=True, dir_okay=False)
    ],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Unpack a backup into a data folder without data that no gateway has, and install what its plugins need."""
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():
        from servehttp.workspace.embedding.restoring import restore as unpack

    restored = asyncio.run(unpack(settings, file))
    print(f"{settings.data_dir}: {_counted(restored.files)}. Serve it:  servehttp serve --data-dir {settings.data_dir}")
    for plugin_id, problem in restored.incomplete.items():
        print(f"{plugin_id} is restored but cannot start: {logs.escape_controls(problem)}", file=sys.stderr)


def _counted(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"
