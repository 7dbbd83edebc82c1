"""The commands of a plugin's author: `new` and `build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from servehttp.authoring.scaffold import DESCRIPTIONS, Names, Template, create
from servehttp.authoring.vendoring import Platform, fetch_wheels
from servehttp.errors import BundleError

_TEMPLATES = "; ".join(f"{template}: {text[:1].lower()}{text[1:]}" for template, text in DESCRIPTIONS.items())


def new(
    name: Annotated[str, typer.Argument(help="What the plugin, and its folder, is called.", metavar="NAME")],
    template: Annotated[Template, typer.Option(help=f"What it begins as. {_TEMPLATES}.")] = Template.PAGE,
    plugin_id: Annotated[
        str | None, typer.Option("--id", help="Its id; by default com.example.NAME.", metavar="ID")
    ] = None,
) -> None:
    """Begin a plugin: a folder that serves, and passes its own tests, as it is. Nothing is ever overwritten."""
    folder = create(Names.of(name, plugin_id), template, Path())
    print(f"{folder} is a plugin. Serve it while you write it:  servehttp dev {folder}")
    if (folder / "requirements.txt").exists():
        print(f"It needs more than is here:  pip install -r {folder / 'requirements.txt'}")


def build(
    folder: Annotated[
        Path, typer.Argument(help="The plugin's folder.", metavar="PLUGIN_DIR", exists=True, file_okay=False)
    ] = Path(),
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The bundle; by default dist/ID-VERSION.tar.gz in the folder.", metavar="FILE"
        ),
    ] = None,
    vendor: Annotated[
        bool,
        typer.Option("--vendor", help="Fetch wheels of what it needs into its folder wheels first: they are packed."),
    ] = False,
    platform: Annotated[
        Platform | None,
        typer.Option(help="The machine that --vendor fetches wheels for; by default one like this."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(help="The Python that --vendor fetches wheels for; by default this version.", metavar="VERSION"),
    ] = None,
) -> None:
    """Check a plugin and pack it into a bundle to install: the same bytes for the same files.

    Tests, caches, environments and hidden files stay out. Rules of its own go into .bundleignore, written as in
    .gitignore; they may take files back with an exclamation mark.
    """
    if not vendor and (platform or python):
        raise typer.BadParameter("--platform and --python say what --vendor fetches: give that as well")
    from servehttp.authoring.packing import pack  # here, because its libraries take long to load

    try:
        for wheel in fetch_wheels(folder, platform, python) if vendor else ():
            print(wheel)
        bundle = pack(folder, output)
    except OSError as error:
        raise BundleError(f"{error.filename or folder}: {error.strerror or error}") from error
    print(f"{bundle.file}: {len(bundle.contents)} files, {bundle.size:,} bytes")
