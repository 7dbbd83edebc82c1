"""The environment of a plugin process, made from an allow-list: the gateway's secrets stay with the gateway.

Also the private folder for a plugin's socket, whose path has to be short: a socket's path ends at about 107 bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from mattermost_plugin.handshake import APP_PROTOCOL_VERSION, MAGIC_COOKIE_KEY, MAGIC_COOKIE_VALUE
from mattermost_plugin.message_sizes import ENV_MESSAGE_SIZE, ENV_WEBSOCKET_MESSAGE_SIZE
from mattermost_plugin.tracing import ENV_TRACING
from servehttp.plugins.reaper_process import FOLDER_VARIABLE
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.kinds import LogLevel

INHERITED = (
    # Who runs it, and where programs are: subprocesses of a plugin and `~` would not work without.
    "PATH", "HOME", "USER", "LOGNAME", "SHELL",
    # Language and time as on the rest of the machine.
    "LANG", "LANGUAGE", "LC_*", "TZ",
    # Where the administrator wants temporary files.
    "TMPDIR", "TEMP", "TMP",
    # Which certificates the machine trusts: no outgoing TLS works behind a company's own authority otherwise.
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    # How an interpreter finds its own shared libraries, where it needs this.
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    # How much gRPC itself prints; the gateway asks it for errors only.
    "GRPC_VERBOSITY", "GRPC_TRACE",
    # How Python behaves, not what it imports: the gateway's PYTHONPATH and VIRTUAL_ENV are wrong in a plugin's venv.
    "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "PYTHONIOENCODING",
)  # fmt: skip
"""Names, or patterns with `*`. Proxy variables are not among them because they often hold passwords."""

MIN_PORT = 10000
MAX_PORT = 25000
"""The range in which a go-plugin looks for a TCP port, as go-plugin's own default."""

FOLDER_PREFIX = "servehttp-"
SHORT_TEMP_FOLDER = Path("/tmp")
LONGEST_PARENT = 50
"""Bytes; leaves room for this folder's own name and for a socket's name below it, on every system."""


def inherited(source: Mapping[str, str], extra: Iterable[str] = ()) -> dict[str, str]:
    """The part of an environment that a plugin gets; `extra` are further names or patterns."""
    patterns = (*INHERITED, *extra)
    return {name: value for name, value in source.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}


def go_plugin_variables(socket_folder: Path) -> dict[str, str]:
    """What a go-plugin wants to find."""
    return {
        MAGIC_COOKIE_KEY: MAGIC_COOKIE_VALUE,
        "PLUGIN_PROTOCOL_VERSIONS": str(APP_PROTOCOL_VERSION),
        "PLUGIN_MIN_PORT": str(MIN_PORT),
        "PLUGIN_MAX_PORT": str(MAX_PORT),
        FOLDER_VARIABLE: str(socket_folder),
    }


def mattermost_variables(
    plugin_id: str,
    folder: Path,
    settings: GatewaySettings,
    message_size: int,
    inherited_path: str = "",
    replica: int = 1,
    log_level: LogLevel = "info",
) -> dict[str, str]:
    """What the reference documents, but for the address of the plugin API, which each process has its own of.

    Also which of the plugin's replicas it is, and the sizes up to which this gateway sends and takes messages; and the
    plugin's folder is where Python looks for modules, wherever in it the script lies, and before `inherited_path`.
    """
    return {
        ENV_MESSAGE_SIZE: str(message_size),
        ENV_WEBSOCKET_MESSAGE_SIZE: str(int(settings.limits.websocket_max_message)),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), inherited_path))),
        "MATTERMOST_PLUGIN_API_TARGET": "",  # unless there is one: without it, plugins look at a port that anybody has
        "MATTERMOST_PLUGIN_BASE_PATH": f"/plugins/{plugin_id}",
        "MATTERMOST_PLUGIN_ID": plugin_id,
        "MATTERMOST_PLUGIN_PATH": str(folder),
        "MATTERMOST_PLUGIN_REPLICA": str(replica),
        "MATTERMOST_PLUGIN_HOOK_TIMEOUT": f"{settings.plugins.hook_timeout:g}",
        "MATTERMOST_PLUGIN_LOG_LEVEL": log_level.upper(),
    }


def tracing_variables(plugin_id: str, source: Mapping[str, str]) -> dict[str, str]:
    """By which a plugin traces as the gateway does, under its own name."""
    given = {name: value for name, value in source.items() if name.startswith("OTEL_")}
    return {**given, "OTEL_SERVICE_NAME": plugin_id, ENV_TRACING: "1"}


def api_variables(target: str, token: str) -> dict[str, str]:
    """Where a process reaches the plugin API, and what its calls have to bring."""
    variables = {"MATTERMOST_PLUGIN_API_TARGET": target}
    return variables | {"MATTERMOST_PLUGIN_API_TOKEN": token} if token else variables


def make_socket_folder() -> Path:
    """Make a folder that only this user may enter, whatever permissions a plugin gives its socket in it.

    Raises:
        OSError: it cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) > LONGEST_PARENT and SHORT_TEMP_FOLDER.is_dir():
        parent = SHORT_TEMP_FOLDER
    return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=parent))


def remove_socket_folder(folder: Path) -> None:
    """Remove it with all that is in it; nothing happens if it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
