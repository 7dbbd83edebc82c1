"""`servehttp plugin …`: the plugins of a gateway that runs, by its REST API."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from urllib.parse import quote

import typer

from servehttp.errors import BundleError
from servehttp.operating.remote import Remote, with_gateway
from servehttp.operating.secret_input import read_secret
from servehttp.plugins.printed import KEPT_LINES

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = ("stopped", "starting", "running", "failed", "failed", "stopping")
"""The numbers that Mattermost's API has for them."""
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""
INTERNAL = 500
"""The status of a plugin that does not start."""

PluginId: TypeAlias = Annotated[str, typer.Argument(help="The plugin's id.", metavar="ID")]

plugin = typer.Typer(
    help="Manage the plugins of a gateway that runs, by its REST API.",
    epilog="An administrator's token opens it: --token, SERVEHTTP_TOKEN, or the file admin-token in the data folder.",
    no_args_is_help=True,
)


@plugin.command("list")
@with_gateway
def list_plugins(gateway: Remote) -> None:
    """List the plugins, and whether they run."""
    found = [
        {
            "id": status["plugin_id"],
            "version": status["version"],
            "state": STATES[status["state"]],
            "name": status["name"],
            "path": status["plugin_path"],
        }
        for status in gateway.rest.call("GET", "/plugins/statuses")
    ]
    gateway.show(found, lambda: _table(("id", "version", "state", "name"), found))


@plugin.command()
@with_gateway
def status(
    gateway: Remote,
    plugin_id: Annotated[str | None, typer.Argument(help="The plugin's id; all if none.", metavar="[ID]")] = None,
) -> None:
    """Show how a plugin is, or all of them: state and reason, restarts, processes, requests in flight."""
    if plugin_id is not None:
        found = _status(gateway, plugin_id)
        gateway.show(found, lambda: _print_status([found]))
        return
    ids = [status["plugin_id"] for status in gateway.rest.call("GET", "/plugins/statuses")]
    every = [_status(gateway, id) for id in ids]
    gateway.show(every, lambda: _print_status(every))


@plugin.command(epilog="Example: servehttp plugin install --enable dist/com.example.mine-1.0.0.tar.gz")
@with_gateway
def install(
    gateway: Remote,
    bundle: Annotated[
        Path,
        typer.Argument(help="A .tar.gz, as `servehttp build` makes it.", metavar="FILE", exists=True, dir_okay=False),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the plugin with the same id.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Start it as well.")] = False,
) -> None:
    """Install a plugin from its bundle; with --force in the place of another version, which serves until it runs."""
    from servehttp.operating.rest_client import RestError

    try:
        with _progress(bundle) as told:
            made = gateway.rest.upload("/plugins", {"force": str(force).lower()}, "plugin", bundle, told)
    except RestError as error:
        if error.status == INTERNAL:
            raise RestError(f"{error} `servehttp plugin logs ID` has what it printed", INTERNAL) from None
        raise
    except OSError as error:
        raise BundleError(f"{bundle}: {error.strerror or error}") from None
    if enable:
        _act(gateway, made["id"], "enable")
    found = _status(gateway, made["id"])
    name = f"{found['id']} {found['version']}".rstrip()
    hint = "" if found["enabled"] else f"; start it:  servehttp plugin enable {found['id']}"
    gateway.show(found, lambda: f"{name} is installed, and {_how(found)}{hint}")


@plugin.command()
@with_gateway
def enable(gateway: Remote, plugin_id: PluginId) -> None:
    """Start a plugin, now and whenever the gateway starts."""
    _act_and_show(gateway, plugin_id, "enable")


@plugin.command()
@with_gateway
def disable(gateway: Remote, plugin_id: PluginId) -> None:
    """Stop a plugin in order, and have it stay so when the gateway starts."""
    _act_and_show(gateway, plugin_id, "disable")


@plugin.command()
@with_gateway
def restart(gateway: Remote, plugin_id: PluginId) -> None:
    """Start a plugin anew, one of its replicas after the other."""
    _act_and_show(gateway, plugin_id, "restart")


@plugin.command()
@with_gateway
def reset(gateway: Remote, plugin_id: PluginId) -> None:
    """Start again a plugin that was given up after failures; what runs of it is left alone."""
    _act_and_show(gateway, plugin_id, "reset")


@plugin.command()
@with_gateway
def remove(gateway: Remote, plugin_id: PluginId) -> None:
    """Stop and delete a plugin that was installed. Its settings and what it has stored stay."""
    gateway.rest.call("DELETE", _path(plugin_id))
    gateway.show({"id": plugin_id, "removed": True}, lambda: f"{plugin_id} is removed")


@plugin.command(epilog="Example: servehttp plugin logs -f com.example.mine")
@with_gateway
def logs(
    gateway: Remote,
    plugin_id: PluginId,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what it prints from now on.")] = False,
    lines: Annotated[
        int, typer.Option("-n", "--lines", help="How many of the last lines.", min=0, max=KEPT_LINES)
    ] = 100,
) -> None:
    """Show what a plugin has printed last, on its standard output and error; with --json one object a line."""
    from servehttp.operating.views import print_line

    try:
        for line in gateway.rest.lines(_path(plugin_id, f"logs?lines={lines}&follow={str(follow).lower()}")):
            if gateway.as_json:
                print(json.dumps(line), flush=True)
            else:
                print_line(line)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if follow:
        print("nothing follows: the plugin was removed, or the gateway stops", file=sys.stderr)


@plugin.command(epilog="Example: servehttp plugin settings com.example.mine Colour=blue --ask ApiKey")
@with_gateway
def settings(
    gateway: Remote,
    plugin_id: PluginId,
    changes: Annotated[
        list[str] | None, typer.Argument(help="Settings to store, such as Colour=blue.", metavar="[KEY=VALUE]...")
    ] = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(help="Store a setting, asked for without echo or read from a line of stdin.", metavar="KEY"),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option(help="Take a setting's default again.", metavar="KEY")] = None,
) -> None:
    """Show a plugin's settings, or change some. Secrets are masked; the gateway checks values by the manifest."""
    path = _path(plugin_id, "settings")
    found = gateway.rest.call("GET", path)
    types = {setting["key"].lower(): setting["type"] for setting in found}
    texts = [_pair(change) for change in changes or ()]
    texts += [(key, read_secret(f"{key}: ")) for key in ask or ()]
    values: dict[str, Any] = {key: _value(text, types.get(key.lower(), "")) for key, text in texts}
    values |= dict.fromkeys(unset or ())
    if values:
        found = gateway.rest.call("PUT", f"{path}/patch", values)
    gateway.show(found, lambda: _print_settings(found))


def _path(plugin_id: str, rest: str = "") -> str:
    return f"/plugins/{quote(plugin_id, safe='')}" + (f"/{rest}" if rest else "")


def _status(gateway: Remote, plugin_id: str) -> Any:
    return gateway.rest.call("GET", _path(plugin_id, "status"))


def _act(gateway: Remote, plugin_id: str, action: str) -> None:
    """Do something with a plugin; if it does not start, the error says why."""
    from servehttp.operating.rest_client import RestError

    try:
        gateway.rest.call("POST", _path(plugin_id, action))
    except RestError as error:
        if error.status == INTERNAL and (reason := _status(gateway, plugin_id)["reason"]):
            raise RestError(f"{plugin_id} did not start: {reason}", error.status) from None
        raise


def _act_and_show(gateway: Remote, plugin_id: str, action: str) -> None:
    _act(gateway, plugin_id, action)
    found = _status(gateway, plugin_id)
    gateway.show(found, lambda: f"{plugin_id} is {_how(found)}")


def _how(found: Mapping[str, Any]) -> str:
    return f"{found['state']}: {found['reason']}" if found["reason"] else str(found["state"])


def _print_status(plugins: Iterable[Mapping[str, Any]]) -> None:
    from servehttp.operating.views import print_table, seconds

    rows = [
        (
            name,
            part["state"],
            part.get("pid"),
            part.get("restarts", 0),
            seconds(part.get("uptime")),
            part.get("in_flight", 0),
            part.get("reason"),
        )
        for plugin in plugins
        for name, part in _processes(plugin)
    ]
    print_table(("ID", "STATE", "PID", "RESTARTS", "UPTIME", "IN FLIGHT", "REASON"), rows)


def _processes(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each process of a plugin under a name of its own; of several, the plugin as a whole comes first."""
    yield found["id"], found
    for replica in found.get("replicas", ()):
        yield f"{found['id']}[{replica['replica']}]", replica


def _print_settings(found: Sequence[Mapping[str, Any]]) -> None:
    from servehttp.operating.views import print_table

    rows = [
        (
            setting["key"],
            "" if setting["value"] is None else _shown(setting["value"]),
            setting["type"],
            "stored" if setting["stored"] else "default",
        )
        for setting in found
    ]
    print_table(("KEY", "VALUE", "TYPE", "FROM"), rows)


def _table(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    from servehttp.operating.views import print_table

    print_table([name.upper() for name in names], [[row[name] for name in names] for row in rows])


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pair(change: str) -> tuple[str, str]:
    key, equals, text = change.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"{change!r} is not of the form KEY=VALUE")
    return key, text


def _value(text: str, type: str) -> Any:
    """What is meant by a text: JSON where the setting is no text, else the text itself."""
    if type in ("", "bool", "number", "custom"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], object]]:
    """How much of a file was sent, on a terminal; gives what is to be called with the bytes of each piece."""
    if not sys.stderr.isatty():
        yield lambda size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield lambda size: progress.advance(task, size)
