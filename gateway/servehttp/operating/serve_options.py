"""The options of `servehttp serve`, which `servehttp config` takes as well: of the same line it tells the settings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from servehttp.operating.options import SETTINGS, ConfigOption, DataDirOption, GivenSettings, setting_option
from servehttp.settings.kinds import HttpParser, LogFormat, LogLevel, Transport

PortOption: TypeAlias = Annotated[
    int | None, setting_option("server.port", "--port", panel="Listening", metavar="PORT")
]
LogLevelOption: TypeAlias = Annotated[LogLevel | None, setting_option("log.level", "--log-level", panel="Logs")]
WorkspaceOption: TypeAlias = Annotated[
    bool | None, setting_option("workspace.enabled", "--workspace/--no-workspace", panel="Workspace")
]


def with_serve_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a `GivenSettings` gets the options that lead to it in place of that."""
    theirs = inspect.signature(given_settings, eval_str=True).parameters

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = given_settings(**{name: values.pop(name) for name in theirs})
        command(given, **values)

    signature = inspect.signature(command, eval_str=True)
    _, *own = signature.parameters.values()
    parameters = [*theirs.values(), *own]
    # That is where typer looks, for which the wrapped function has to be out of sight.
    del run.__dict__["__wrapped__"]
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def given_settings(
    plugin_dirs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PLUGIN_DIR", help=SETTINGS["plugins.paths"].description, show_default=False),
    ] = None,
    host: Annotated[str | None, setting_option("server.host", "--host", panel="Listening", metavar="ADDRESS")] = None,
    port: PortOption = None,
    uds: Annotated[Path | None, setting_option("server.uds", "--uds", panel="Listening", metavar="PATH")] = None,
    ssl_certfile: Annotated[
        Path | None, setting_option("server.ssl_certfile", "--ssl-certfile", panel="TLS", metavar="FILE")
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, setting_option("server.ssl_keyfile", "--ssl-keyfile", panel="TLS", metavar="FILE")
    ] = None,
    ssl_ca_certs: Annotated[
        Path | None, setting_option("server.ssl_ca_certs", "--ssl-ca-certs", panel="TLS", metavar="FILE")
    ] = None,
    fd: Annotated[int | None, setting_option("server.fd", "--fd", panel="Listening", metavar="N")] = None,
    workers: Annotated[
        int | None, setting_option("server.workers", "--workers", panel="Listening", metavar="N")
    ] = None,
    http: Annotated[HttpParser | None, setting_option("server.http", "--http", panel="Listening")] = None,
    forwarded_allow_ips: Annotated[
        str | None,
        setting_option("server.forwarded_allow_ips", "--forwarded-allow-ips", panel="Listening", metavar="IPS"),
    ] = None,
    attach: Annotated[
        list[str] | None, setting_option("plugins.attach", "--attach", panel="Plugins", metavar="ID=TARGET")
    ] = None,
    remote: Annotated[
        list[str] | None, setting_option("plugins.remote", "--remote", panel="Plugins", metavar="ID=TARGET")
    ] = None,
    replicas: Annotated[
        list[str] | None, setting_option("plugins.replicas", "--replicas", panel="Plugins", metavar="ID=N")
    ] = None,
    transport: Annotated[Transport | None, setting_option("plugins.transport", "--transport", panel="Plugins")] = None,
    reload: Annotated[bool | None, setting_option("plugins.reload", "--reload/--no-reload", panel="Plugins")] = None,
    log_level: LogLevelOption = None,
    log_format: Annotated[LogFormat | None, setting_option("log.format", "--log-format", panel="Logs")] = None,
    workspace: WorkspaceOption = None,
    data_dir: DataDirOption = None,
    access_log: Annotated[
        bool | None, setting_option("log.access", "--access-log/--no-access-log", panel="Logs")
    ] = None,
    metrics: Annotated[
        str | None, setting_option("metrics.listen", "--metrics", panel="Listening", metavar="HOST:PORT")
    ] = None,
    console: Annotated[
        bool | None, setting_option("console.enabled", "--console/--no-console", panel="Listening")
    ] = None,
    config: ConfigOption = None,
) -> GivenSettings:
    """What the command line says.

    Raises:
        typer.BadParameter: options that exclude one another.
    """
    if uds and (host or port is not None):
        raise typer.BadParameter("--uds takes the place of --host and --port: give one or the other")
    if fd is not None and (uds or host or port is not None):
        raise typer.BadParameter("--fd takes the place of --host, --port and --uds: give one or the other")
    options = {
        "server.host": host,
        "server.port": port,
        "server.uds": uds,
        "server.ssl_certfile": ssl_certfile,
        "server.ssl_keyfile": ssl_keyfile,
        "server.ssl_ca_certs": ssl_ca_certs,
        "server.fd": fd,
        "server.workers": workers,
        "server.http": http,
        "server.forwarded_allow_ips": forwarded_allow_ips,
        "plugins.paths": plugin_dirs or None,
        "plugins.attach": attach or None,
        "plugins.remote": remote or None,
        "plugins.replicas": replicas or None,
        "plugins.transport": transport,
        "plugins.reload": reload,
        "log.level": log_level,
        "log.format": log_format,
        "log.access": access_log,
        "metrics.listen": metrics,
        "console.enabled": console,
        "workspace.enabled": workspace,
        "data_dir": data_dir,
    }
    return GivenSettings(config, options)
