"""Every setting of the gateway, with its default, unit and meaning; the documentation's table is made from here.

A value comes from the command line, else from the environment (`SERVEHTTP_SERVER__PORT`), else from a TOML file
(`[server] port = 8065`), else it is the default. Names that do not exist are errors, wherever they stand. `Settings()`
reads nothing from outside; `Settings.load()` reads all of it.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from servehttp.errors import SettingsError

T = TypeVar("T")

ENV_PREFIX = "SERVEHTTP_"
ENV_DELIMITER = "__"
CONFIG_VARIABLE = "SERVEHTTP_CONFIG"
"""Names the TOML file, like `--config`; the one variable that is not itself a setting."""

COMMAND_LINE = "command line"
"""What a `SettingsError` names as the origin of a value passed to `Settings.load`."""

Transport = Literal["auto", "tunnel", "servehttp"]
ApiTransport = Literal["unix", "tcp"]
HttpParser = Literal["auto", "h11", "httptools"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
LogFormat = Literal["auto", "console", "json"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SecondsOrZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[ByteSize, Field(ge=1)]


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [item for item in (part.strip() for part in value.split(",")) if item]


def _split_pairs(value: object, form: str = "ID=TARGET") -> object:
    items = _split_commas(value)
    if not isinstance(items, list | tuple):
        return items
    pairs = [str(item).partition("=") for item in items]
    if bad := next((name for name, equals, target in pairs if not (name and equals and target)), None):
        raise ValueError(f"{bad!r} is not of the form {form}")
    return {name: target for name, _, target in pairs}


def _check_network(value: str) -> str:
    if value != "*":
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise ValueError(f"{value!r} is neither an IP address, nor a network such as 10.0.0.0/8, nor *") from None
    return value


def _check_root_path(value: str) -> str:
    if value and (not value.startswith("/") or value.endswith("/")):
        raise ValueError("a prefix begins with a slash and does not end with one, such as /gateway")
    return value


def check_target(value: str) -> str:
    """Accept where an attached plugin listens, `unix:PATH` or `HOST:PORT`.

    Raises:
        ValueError: it is neither.
    """
    host, _, port = value.rpartition(":")
    if value.startswith("unix:") and len(value) > len("unix:"):
        return value
    if not host or host == "unix" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} is neither unix:PATH nor HOST:PORT")
    return value


Strings = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(_split_commas)]
Targets = Annotated[dict[str, Annotated[str, AfterValidator(check_target)]], BeforeValidator(_split_pairs)]


def _lower_ids(value: dict[str, T]) -> dict[str, T]:
    """As the ids of manifests are."""
    return {plugin_id.lower(): of_it for plugin_id, of_it in value.items()}


Users = Annotated[
    dict[str, str], BeforeValidator(lambda value: _split_pairs(value, "ID=USER")), AfterValidator(_lower_ids)
]
Times = Annotated[
    dict[str, Seconds], BeforeValidator(lambda value: _split_pairs(value, "ID=SECONDS")), AfterValidator(_lower_ids)
]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class ServerSettings(_Group):
    """Where and how the gateway listens."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 or :: means every interface.")
    port: int = Field(default=8065, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    uds: Path | None = Field(default=None, description="Unix socket to listen on instead of host and port.")
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that serve HTTP on the one port; if several, one more supervises them and the plugins.",
    )
    http: HttpParser = Field(
        default="auto",
        description="HTTP parser: auto takes httptools where it is installed, h11 is the pure Python one.",
    )
    forwarded_allow_ips: Networks = Field(
        default=(),
        description="Proxies whose X-Forwarded-* and Forwarded are believed: addresses, networks, or * for every peer.",
    )
    root_path: Annotated[str, AfterValidator(_check_root_path)] = Field(
        default="",
        description="Prefix under which a proxy publishes the gateway and that it takes off before it forwards.",
    )
    max_connections: int = Field(
        default=0,
        ge=0,
        description="Connections that one process keeps open (503 beyond); 0 for 3/4 of the files that it may open.",
    )
    drain_timeout: SecondsOrZero = Field(
        default=10, description="Seconds that open requests and WebSockets may go on after SIGTERM."
    )


class LogSettings(_Group):
    """What is logged, on standard error."""

    level: LogLevel = Field(default="info", description="Least level that is logged.")
    format: LogFormat = Field(
        default="auto",
        description="console is for people, json one object a line; auto is console on a terminal, else json.",
    )
    access: bool = Field(default=True, description="Whether each request is logged.")


class PluginSettings(_Group):
    """Which plugins there are, and how they are started, watched and stopped."""

    paths: Paths = Field(default=(), description="Plugin folders, or folders of plugin folders.")
    attach: Targets = Field(
        default_factory=dict,
        description="Plugins that run already and are never started or killed, as ID=unix:PATH or ID=HOST:PORT.",
    )
    users: Users = Field(
        default_factory=dict,
        description="Users that plugins run as, as ID=USER, if the gateway is root; others run as the gateway's user.",
    )
    transport: Transport = Field(
        default="auto",
        description="Way across to plugins: auto tries the tunnel and falls back to the contract's ServeHTTP.",
    )
    start_timeout: Seconds = Field(
        default=30,
        description="Seconds from a plugin's start to its handshake; more beside others, and doubled after a time-out.",
    )
    start_timeouts: Times = Field(
        default_factory=dict, description="The same for some plugins, in place of start_timeout, as ID=SECONDS."
    )
    connect_timeout: Seconds = Field(default=5, description="Seconds to connect to a plugin that listens.")
    hook_timeout: Seconds = Field(default=30, description="Seconds a hook such as OnActivate may take.")
    health_interval: Seconds = Field(default=10, description="Seconds between two health checks.")
    health_timeout: Seconds = Field(default=5, description="Seconds a health check may take.")
    health_failures: Count = Field(
        default=3, description="Failed health checks in a row after which a plugin counts as lost."
    )
    restart_delay: SecondsOrZero = Field(
        default=0.5, description="Seconds before the first restart; doubled for each further one."
    )
    restart_delay_max: SecondsOrZero = Field(default=30, description="Longest delay before a restart, in seconds.")
    restart_limit: Count = Field(default=3, description="Failures within the window after which a plugin stays down.")
    restart_window: Seconds = Field(default=3600, description="Seconds for which a failure counts towards the limit.")
    restart_good_service: Seconds = Field(
        default=3600, description="Seconds of service after which a plugin is restarted without delay, once."
    )
    stop_timeout: SecondsOrZero = Field(default=5, description="Seconds from SIGTERM to SIGKILL.")
    drain_timeout: SecondsOrZero = Field(
        default=5, description="Seconds that open requests of a plugin may go on before it is told to stop."
    )
    env_allow: Strings = Field(
        default=(),
        description="Environment variables that plugins get besides the usual ones: names, or patterns such as AWS_*.",
    )
    origin_cookies: Strings = Field(
        default=(),
        description="Ids of plugins whose cookies keep path and domain; those of others are for their plugin alone.",
    )
    stderr_tail_lines: Count = Field(default=20, description="Last lines of stderr kept to explain why a plugin ended.")
    output_line_limit: Size = Field(
        default=ByteSize(8 * 1024), description="Longest line of a plugin's output that is logged whole, in bytes."
    )

    @model_validator(mode="after")
    def _check_delays(self) -> Self:
        if self.restart_delay_max < self.restart_delay:
            raise ValueError(
                f"restart_delay_max ({self.restart_delay_max:g}) is less than restart_delay ({self.restart_delay:g})"
            )
        return self


class LimitSettings(_Group):
    """What one client, and one request, may take."""

    max_body_size: Annotated[ByteSize, Field(ge=0)] = Field(
        default=ByteSize(0),
        description="Largest request body in bytes (413); 0 is no limit, for bodies stream and are never held whole.",
    )
    max_header_bytes: Size = Field(default=ByteSize(64 * 1024), description="Largest request head in bytes (431).")
    max_header_count: Count = Field(default=128, le=8192, description="Most headers in a request (431).")
    max_target_length: Count = Field(
        default=8192, description="Longest request target, path and query, in bytes (414)."
    )
    header_timeout: Seconds = Field(default=10, description="Seconds for a whole request head to arrive (408).")
    body_timeout: Seconds = Field(
        default=60,
        description="Longest pause in seconds between two pieces of a request body that a plugin wants to read (408).",
    )
    keep_alive_timeout: Seconds = Field(default=75, description="Seconds an idle connection is kept open.")
    drain_idle_timeout: SecondsOrZero = Field(
        default=0.5,
        description="Seconds after SIGTERM that an idle connection is kept open, for a request that may be on its way.",
    )
    first_byte_timeout: Seconds = Field(default=60, description="Seconds a plugin has to begin its response (504).")
    idle_timeout: Seconds = Field(
        default=300, description="Seconds without progress in either direction after which a started response is cut."
    )
    max_exchanges: Count = Field(
        default=1024,
        description="Open requests and WebSockets for each plugin, in each worker (503); "
        "connections that come at once are shared evenly.",
    )
    websocket_max_message: Size = Field(
        default=ByteSize(16 * 1024 * 1024), description="Largest WebSocket message in bytes (close code 1009)."
    )
    websocket_held: Size = Field(
        default=ByteSize(64 * 1024 * 1024),
        description="Bytes that a process holds of WebSocket messages that are incomplete or not taken yet; beyond it "
        "the one that brings more is closed with 1013.",
    )
    websocket_held_client: Size = Field(
        default=ByteSize(32 * 1024 * 1024),
        description="The same for the WebSockets of one peer address, which may be a proxy's.",
    )
    websocket_ping_interval: Seconds = Field(default=20, description="Seconds between two pings on a WebSocket.")
    websocket_ping_timeout: Seconds = Field(
        default=20, description="Seconds for a pong to arrive before a WebSocket is closed."
    )


class WorkspaceSettings(_Group):
    """The embedded workspace, and the API and hooks by which plugins see it."""

    enabled: bool = Field(
        default=True,
        description="Whether there is one; without it plugins have no API, and no hooks but those of their life.",
    )
    database_url: str = Field(
        default="", description="Any SQLAlchemy URL, such as postgresql://HOST/NAME; SQLite in data_dir if empty."
    )
    database_connect_timeout: Seconds = Field(
        default=5, description="Seconds to connect to a database server; without a connection the answer is 503."
    )
    database_timeout: Seconds = Field(
        default=15,
        description="Seconds that a transaction may take with a database server, all its waiting included (503).",
    )
    database_check_interval: Seconds = Field(
        default=5, description="Seconds between two looks whether the database serves, which /readyz tells."
    )
    busy_timeout: Seconds = Field(
        default=10, description="Seconds that a writer waits for its turn while others write to the database (503)."
    )
    api_transport: ApiTransport = Field(
        default="unix", description="How plugins reach the API: a socket of their own, or loopback TCP with a token."
    )
    api_tcp: Strings = Field(
        default=(), description="Ids of plugins that reach the API by loopback TCP, whatever the others do."
    )
    api_message_size: Size = Field(
        default=ByteSize(100 * 1024 * 1024),
        description="Largest content of a message of the plugin API in bytes; files and bundles may be larger.",
    )
    bundle_unpacked_size: Size = Field(
        default=ByteSize(1024 * 1024 * 1024), description="What a plugin's bundle may hold, in bytes once unpacked."
    )
    bundle_files: Count = Field(default=50_000, description="Files and folders that a plugin's bundle may hold.")
    plugin_http_timeout: Seconds = Field(
        default=30, description="Seconds that a plugin has to answer a request of another plugin."
    )
    hook_timeout: Seconds = Field(default=30, description="Seconds that one plugin has for a hook about the workspace.")
    hook_queue: Count = Field(
        default=1024, description="Notifying hooks that wait for one plugin; further ones are dropped, and logged."
    )
    hook_concurrency: Count = Field(default=8, description="Notifying hooks that run at once in one plugin.")
    event_queue: Count = Field(
        default=256, description="Events that wait for one WebSocket client before it is disconnected."
    )
    dialog_timeout: Seconds = Field(
        default=3, description="Seconds within which a plugin may answer a command or a button by a dialog."
    )
    cleanup_interval: Seconds = Field(
        default=3600, description="Seconds between two times that expired keys, sessions and uploads are deleted."
    )
    session_cache: Seconds = Field(
        default=10,
        description="Seconds after which a token is looked up anew; a login that another gateway ends lasts so long.",
    )
    forget_timeout: Seconds = Field(
        default=2,
        description="Seconds that what ends a login waits until every worker has forgotten it.",
    )
    session_hours: Count = Field(default=720, description="Hours that a login lasts.")
    password_min_length: Annotated[int, Field(ge=5, le=72)] = Field(
        default=8, description="Least length of a password, in characters."
    )
    login_attempts: Count = Field(
        default=10, description="Wrong passwords in a row after which an account is locked for a while."
    )
    login_lock: Seconds = Field(
        default=300, description="Seconds from the last wrong password until a locked account is open again."
    )
    login_rate: Count = Field(
        default=10, description="Logins that one client address may try within the window, for one account (429)."
    )
    login_address_rate: Count = Field(
        default=60, description="Logins that one client address may try within the window, for all accounts (429)."
    )
    password_threads: Count = Field(default=2, description="Passwords that are hashed at a time, which takes a core.")
    password_queue: Count = Field(
        default=64, description="Passwords that may wait to be hashed; beyond that a login is a 503."
    )
    login_window: Seconds = Field(default=60, description="Seconds of the window in which logins are counted.")
    max_file_size: Size = Field(default=ByteSize(100 * 1024 * 1024), description="Largest uploaded file, in bytes.")


class RestSettings(_Group):
    """Mattermost's REST API and its WebSocket, by which people and programs use the workspace."""

    body_size: Size = Field(
        default=ByteSize(1024 * 1024), description="Largest JSON body of a request, in bytes (413)."
    )
    bundle_size: Size = Field(
        default=ByteSize(100 * 1024 * 1024), description="Largest plugin bundle that may be uploaded, in bytes (413)."
    )
    websocket_auth_timeout: Seconds = Field(
        default=5, description="Seconds that a WebSocket client has to show who it is before it is disconnected."
    )
    websocket_message_size: Size = Field(
        default=ByteSize(8 * 1024), description="Largest message from a WebSocket client, in bytes (close code 1009)."
    )
    websocket_send_timeout: Seconds = Field(
        default=30, description="Seconds that a WebSocket client has to take a message before it is disconnected."
    )


class Settings(BaseSettings):
    """All settings. Frozen; made by `Settings.load`, or directly where a program embeds the gateway."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
    )

    data_dir: Path = Field(
        default=Path(".servehttp"), description="Folder for what the gateway keeps; made when something is put there."
    )
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
    plugins: PluginSettings = PluginSettings()
    limits: LimitSettings = LimitSettings()
    workspace: WorkspaceSettings = WorkspaceSettings()
    rest: RestSettings = RestSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in counts: `load` gathers the rest, so that an error can tell where a value came from."""
        return (init_settings,)

    @classmethod
    def load(cls, config: Path | None = None, **overrides: Any) -> Settings:
        """Gather the settings from their sources.

        Args:
            config: A TOML file.
            overrides: What the command line says, nested as the settings are: `server={"port": 80}`.

        Raises:
            SettingsError: a file that cannot be read, a name that does not exist, or a value that cannot be used.
        """
        file = _read_toml(config) if config else {}
        _check_names("", file, str(config))
        _check_environment()
        environment = EnvSettingsSource(cls)()
        try:
            return cls(**_merge(_merge(file, environment), overrides))
        except ValidationError as error:
            details = error.errors()[0]
            path = tuple(str(part) for part in details["loc"])
            raise SettingsError(_origin(path, overrides, environment, config), _explain(details)) from error


def every_setting(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Each setting's dotted name and its field, which has the default and the description, in order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from every_setting(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def environment_name(setting: str) -> str:
    """The environment variable of a setting, given its dotted name."""
    return ENV_PREFIX + setting.upper().replace(".", ENV_DELIMITER)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), f"is not UTF-8 text: byte {error.start} cannot be decoded") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), f"is not valid TOML: {error}") from error


def _check_names(prefix: str, table: Mapping[str, Any], where: str) -> None:
    known = [name for name, _ in every_setting()]
    groups = {name.split(".")[0] for name in known if "." in name}
    for key, value in table.items():
        name = prefix + key
        if name in groups and isinstance(value, Mapping):
            _check_names(f"{name}.", value, where)
        elif name in groups:
            raise SettingsError(where, f"{name} is a group of settings: write it as a table, [{name}]")
        elif name not in known:
            raise SettingsError(where, f"there is no setting {name}{_nearest(name, known)}")


def _check_environment() -> None:
    known = {environment_name(name) for name, _ in every_setting()} | {CONFIG_VARIABLE}
    for variable in sorted(os.environ):
        if variable.upper().startswith(ENV_PREFIX) and variable.upper() not in known:
            raise SettingsError(variable, f"there is no such setting{_nearest(variable.upper(), known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean {matches[0]}?" if matches else ""


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            merged[key] = _merge(below[key], above[key])
    return merged


def _origin(
    path: tuple[str, ...], overrides: Mapping[str, Any], environment: Mapping[str, Any], config: Path | None
) -> str:
    """Where a value came from; empty for what concerns several settings at once, which may have several origins."""
    known = dict(every_setting())
    setting = next((name for name in (".".join(path[:2]), ".".join(path[:1])) if name in known), None)
    if setting is None:
        return ""
    if _holds(overrides, setting):
        return COMMAND_LINE
    if _holds(environment, setting):
        return environment_name(setting)
    return str(config or "")


def _holds(values: Any, setting: str) -> bool:
    for part in setting.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _explain(details: ErrorDetails) -> str:
    name = ".".join(str(part) for part in details["loc"])
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "value_error":
        return f"{name}: {message}"
    return f"{name} is {details['input']!r}: {message[0].lower()}{message[1:]}"
