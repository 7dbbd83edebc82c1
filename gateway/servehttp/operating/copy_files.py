"""`servehttp copy-files`: uploaded files to another place."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from servehttp import logs
from servehttp.operating.options import ConfigOption, DataDirOption, load_settings
from servehttp.workspace.embedding.choice import loading


def copy_files(
    source: Annotated[str, typer.Argument(help="file:/PATH or s3://BUCKET/PREFIX.", metavar="FROM")],
    target: Annotated[str, typer.Argument(help="Another one.", metavar="TO")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Copy uploaded files to another place, and read each again to compare it.

    After an interruption it goes on where it was: files that are there in the same size are not copied again.
    """
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():  # here, because the database's libraries take long to import
        from servehttp.workspace.embedding import file_copying

    copied = asyncio.run(file_copying.copy_files(settings, source, target))
    print(f"{target}: copied {copied.files}, {copied.size:,} bytes; there already: {copied.there}")
