"""The command `servehttp`: `serve` runs the gateway, `check` looks at plugins, `new`, `dev` and
`build` are for who writes one, `plugin` manages those of a gateway that runs, `user` and `admin` are for accounts,
`backup` and `restore` for all that is kept.

Exit codes: 0 ended in order, 1 failure, 2 wrong usage, 3 invalid configuration or manifests, or no plugin to serve.
What people read goes to standard error; with JSON logs it becomes log lines.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import structlog
import typer

from servehttp import logs
from servehttp.authoring import commands as authoring
from servehttp.authoring.debugging import settings_under_debugger
from servehttp.build import describe_version
from servehttp.errors import GatewayError, InterpreterError, ManifestError, NoPluginsError
from servehttp.operating.backup_commands import backup, restore
from servehttp.operating.config_commands import config as config_commands
from servehttp.operating.copy_files import copy_files
from servehttp.operating.options import SETTINGS, ConfigOption, DataDirOption, GivenSettings, load_settings
from servehttp.operating.plugin_commands import plugin
from servehttp.operating.plugin_tokens import plugin_token
from servehttp.operating.run_plugin import run_plugin
from servehttp.operating.serve_options import LogLevelOption, PortOption, WorkspaceOption, with_serve_options
from servehttp.operating.support_commands import support
from servehttp.operating.user_commands import user
from servehttp.plugins.interpreter import check_version, find_interpreter
from servehttp.plugins.manifest import Manifest, discover
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.embedding.choice import choose_host, loading
from servehttp.workspace.settings import Settings

if TYPE_CHECKING:
    from servehttp.workspace.embedding.host import WorkspaceHost

CommandT = TypeVar("CommandT", bound=Callable[..., None])

DEV_DRAIN = 1.0
"""Seconds that open requests of a version that was replaced may go on, while somebody writes a plugin."""

log = structlog.get_logger("servehttp.cli")

app = typer.Typer(
    help="Serve HTTP from plugins: ASGI applications in supervised processes, behind one port.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

admin = typer.Typer(help="Administer the workspace.", no_args_is_help=True)
app.add_typer(admin, name="admin")
app.add_typer(config_commands, name="config")
app.add_typer(plugin, name="plugin")
app.add_typer(user, name="user")


EXAMPLES = {
    "new": "servehttp new notes --template api",
    "dev": "servehttp dev notes --port 8000",
    "check": "servehttp check notes",
    "build": "servehttp build notes",
    "run_plugin": "servehttp run-plugin notes --listen 0.0.0.0:7000 --tls-cert notes.pem --tls-key notes.key",
    "plugin_token": "servehttp plugin-token com.example.notes > notes.token",
    "backup": "servehttp backup monday.tar.gz --data-dir /var/lib/servehttp",
    "restore": "servehttp restore monday.tar.gz --data-dir /var/lib/servehttp",
    "copy_files": "servehttp copy-files file:/var/lib/servehttp/files s3://bucket/files",
}
"""What is typed, by the command's name."""


def _command(function: CommandT) -> CommandT:
    """Make it a command, in whose help each paragraph of the docstring fills its lines, wherever those end here."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app.command(help=text, epilog=f"Example: {EXAMPLES[function.__name__]}")(function)
    return function


_command(authoring.new)


def main() -> None:
    """The entry point: runs the command and turns our own errors into one line and an exit code."""
    try:
        app()
    except GatewayError as error:
        _print_error(error)
        sys.exit(error.exit_code)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(describe_version())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_EPILOG = (
    "Example: servehttp serve plugins --host 0.0.0.0 --workers 2\n\n"
    "Every setting also has an environment variable, such as SERVEHTTP_SERVER__PORT, and a place in the TOML file, "
    r"such as port under \[server]. The command line comes first, then the environment, then the file. "
    "Ctrl-C or SIGTERM stops in order, as does a lost terminal; a second Ctrl-C stops at once."
)


@app.command(epilog=_EPILOG)
@with_serve_options
def serve(given: GivenSettings) -> None:
    """Serve plugins under /plugins/ID/, each in a process of its own that is started, watched and restarted."""
    _serve(given)


def _serve(given: GivenSettings) -> None:
    settings = given.load()
    logs.configure(settings.log)
    workspace_host = choose_host(settings)
    manifests, refused = _find_plugins(settings.plugins, workspace_host)
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # each connection that ends would be a line of its own

    from servehttp.running import run  # here, so that --help and check do without gRPC and the HTTP server

    run(settings, manifests, refused, workspace_host, given.read)


@_command
def dev(
    plugin_dirs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PLUGIN_DIR", help="Plugin folders; without one, the folder that you are in.", show_default=False
        ),
    ] = None,
    port: PortOption = None,
    debugpy: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            help="Start the one plugin under debugpy, for a debugger that connects to this port of 127.0.0.1; it may "
            "then take any time for anything. Its new versions start once the one before was stopped.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    config: ConfigOption = None,
) -> None:
    """Serve plugins while you write them: each is replaced when one of its files changes.

    The version before serves until the new one runs, and on where that does not come up. The rules of .bundleignore say
    which files are none of the plugin's own.
    """
    folders = plugin_dirs or [Path()]
    settings = {
        **(settings_under_debugger(folders, debugpy) if debugpy is not None else {}),
        "plugins.paths": folders,
        "plugins.reload": True,
        "plugins.drain_timeout": DEV_DRAIN,
        "server.port": port,
        "workspace.enabled": workspace,
        "data_dir": data_dir,
        "log.access": True,
        "log.level": log_level,
    }
    _serve(GivenSettings(config, settings))


@_command
def check(
    plugin_dirs: Annotated[
        list[Path], typer.Argument(metavar="PLUGIN_DIR", help=SETTINGS["plugins.paths"].description)
    ],
) -> None:
    """Check plugins: manifests, Python versions, and that each starts; one line each, exit code 3 if any is bad.

    A plugin is started up to the moment in which it listens, before its OnActivate, and ended. So what it needs and
    what it declares, its hooks and routes, is looked at; nothing is asked of it.
    """
    settings = load_settings(None, {"log.level": "critical"})
    logs.configure(settings.log)
    manifests, problems = discover(plugin_dirs)
    for manifest in manifests:
        try:
            print(asyncio.run(_examine(manifest, settings)))
        except ManifestError as error:
            problems.append(error)
    for problem in problems:
        _print_error(problem)
    if problems:
        raise typer.Exit(ManifestError.exit_code)


_command(authoring.build)
_command(run_plugin)
_command(plugin_token)
_command(backup)
_command(restore)
_command(copy_files)
app.command("support", epilog="Example: servehttp support --data-dir /var/lib/servehttp")(support)


@admin.command("token")
def admin_token(
    user: Annotated[str, typer.Option(help="Whose token it is.", metavar="USERNAME")] = "admin",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a new access token for a user of the workspace, whether or not a gateway serves it; prints it."""
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():  # here, because the database's libraries take long to import
        from servehttp.workspace.embedding.accounts import make_token_of

    print(asyncio.run(make_token_of(user, settings)))


def _find_plugins(settings: PluginSettings, host: WorkspaceHost | None) -> tuple[list[Manifest], list[ManifestError]]:
    """The plugins to start, and what is wrong with others, which is logged.

    There may be none where none is named and there is a workspace: they can be installed while that is served.
    """
    elsewhere = settings.attach or settings.remote
    named = bool(settings.paths or elsewhere)
    if not named and host is None:
        raise NoPluginsError(
            "name a plugin's folder, or a folder of plugin folders, attach one with --attach, or find one with --remote"
        )
    manifests, errors = discover(settings.paths, host.plugin_folders() if host is not None else [])
    for error in errors:
        log.error(str(error))
    if named and not manifests and not elsewhere:
        raise NoPluginsError("none of those named can be used")
    return manifests, errors


async def _examine(manifest: Manifest, settings: Settings) -> str:
    """The line about a good plugin."""
    from servehttp.authoring.trial import try_start  # here, because it loads what connects to plugins

    interpreter = find_interpreter(manifest.folder)
    try:
        version = await check_version(interpreter, manifest.server.python_version)
    except InterpreterError as error:
        problem = f"{interpreter} {error.problem}"
        raise ManifestError(manifest.file, "server.python_version", problem, error.remedy) from error
    await try_start(manifest, settings)
    name = f"{manifest.id} {manifest.version}".rstrip()
    return f"{name}: {manifest.server.app or manifest.script}, Python {version} ({interpreter})"


def _print_error(error: GatewayError) -> None:
    print(f"error: {logs.escape_controls(str(error))}", file=sys.stderr)
