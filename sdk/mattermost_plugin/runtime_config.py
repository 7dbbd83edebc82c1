"""What the host tells the plugin process through its environment."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass, field

from mattermost_plugin.loggers import get_logger
from mattermost_plugin.message_sizes import (
    DEFAULT_MESSAGE_SIZE,
    ENV_MESSAGE_SIZE,
    ENV_WEBSOCKET_MESSAGE_SIZE,
    LARGEST_MESSAGE_SIZE,
)
from mattermost_plugin.process import logs
from mattermost_plugin.tunnel.settings import MAX_WEBSOCKET_MESSAGE

ENV_PLUGIN_ID = "MATTERMOST_PLUGIN_ID"
ENV_API_TARGET = "MATTERMOST_PLUGIN_API_TARGET"
ENV_API_TOKEN = "MATTERMOST_PLUGIN_API_TOKEN"
"""Set by a host whose API listens on TCP; a unix socket needs no token. The reference has none."""
ENV_API_TOKEN_FILE = "MATTERMOST_PLUGIN_API_TOKEN_FILE"
"""Names a file with that token, where `ENV_API_TOKEN` is not set."""
ENV_API_CA = "MATTERMOST_PLUGIN_API_TLS_CA"
ENV_API_CERT = "MATTERMOST_PLUGIN_API_TLS_CERT"
ENV_API_KEY = "MATTERMOST_PLUGIN_API_TLS_KEY"
"""Files (PEM) by which the API at `tls:HOST:PORT` is spoken to: its CAs, and the plugin's own certificate and key."""
ENV_PLUGIN_PATH = "MATTERMOST_PLUGIN_PATH"
ENV_HOOK_TIMEOUT = "MATTERMOST_PLUGIN_HOOK_TIMEOUT"
ENV_REPLICA = "MATTERMOST_PLUGIN_REPLICA"
"""Set by a host that runs a plugin in several processes. The reference has none."""
ENV_LOG_LEVEL = "MATTERMOST_PLUGIN_LOG_LEVEL"
ENV_LOG_LEVEL_ALIAS = "MATTERMOST_LOG_LEVEL"
"""Read when `ENV_LOG_LEVEL` is not set; some documentation of the host names this one."""

DEFAULT_API_TARGET = "127.0.0.1:50051"
DEFAULT_HOOK_TIMEOUT = 30.0
DEFAULT_LOG_LEVEL = "INFO"
LONGEST_TOKEN = 1000
"""Characters of it that are read of its file."""
LONGEST_SIZE = 20
"""Digits of a size, or of a replica's number."""

logger = get_logger("mattermost_plugin.config")


@dataclass(frozen=True)
class RuntimeConfig:
    """The configuration of the process; the plugin's own settings are another thing and come from the host's API."""

    plugin_id: str = ""
    api_target: str = DEFAULT_API_TARGET
    """Where the host serves the plugin API, as `host:port`, `tls:host:port` or `unix:PATH`."""
    plugin_path: str = ""
    """The plugin's folder."""
    hook_timeout: float = DEFAULT_HOOK_TIMEOUT
    """How many seconds a hook handler may take. It does not apply to ServeHTTP, which may stream for ever."""
    log_level: str = DEFAULT_LOG_LEVEL
    """A level name of the `logging` module."""
    message_size: int = DEFAULT_MESSAGE_SIZE
    """The largest gRPC message in bytes, of a hook or of the API."""
    websocket_message_size: int = MAX_WEBSOCKET_MESSAGE
    """The largest WebSocket message in bytes."""
    api_token: str = field(default="", repr=False)
    """What proves the plugin to the host's API; empty where no proof is needed."""
    replica: int = 1
    """Which of the plugin's processes this is, from 1."""

    @classmethod
    def from_env(cls) -> RuntimeConfig:
        """Read the environment. A value that makes no sense gives a warning and the default."""
        return cls(
            plugin_id=os.environ.get(ENV_PLUGIN_ID, ""),
            api_target=os.environ.get(ENV_API_TARGET, DEFAULT_API_TARGET),
            plugin_path=os.environ.get(ENV_PLUGIN_PATH, ""),
            hook_timeout=_hook_timeout(),
            log_level=_log_level(),
            message_size=message_size(),
            websocket_message_size=_size(ENV_WEBSOCKET_MESSAGE_SIZE, MAX_WEBSOCKET_MESSAGE),
            api_token=api_token(),
            replica=_replica(),
        )

    def configure_logging(self) -> None:
        """Send log records of `log_level` and above to stderr, in the format that whoever started the process reads."""
        logs.configure(self.log_level)


def load_runtime_config() -> RuntimeConfig:
    """The configuration that the environment describes: `RuntimeConfig.from_env`."""
    return RuntimeConfig.from_env()


def api_token() -> str:
    """What proves the plugin to the host's API, by the environment or a file that it names; empty for nothing."""
    token, file = os.environ.get(ENV_API_TOKEN, ""), os.environ.get(ENV_API_TOKEN_FILE, "")
    if token or not file:
        return token
    try:
        with open(file, encoding="ascii") as lines:
            return lines.read(LONGEST_TOKEN).strip()
    except (OSError, ValueError) as error:
        logger.error("%s names a file that cannot be read, so there is no token: %s", ENV_API_TOKEN_FILE, error)
        return ""


def message_size() -> int:
    """The largest gRPC message in bytes that the host says it sends or takes, or the default."""
    return min(_size(ENV_MESSAGE_SIZE, DEFAULT_MESSAGE_SIZE), LARGEST_MESSAGE_SIZE)


def _replica() -> int:
    return _number(ENV_REPLICA, 1, "number of a replica")


def _size(name: str, default: int) -> int:
    return _number(name, default, "size in bytes")


def _number(name: str, default: int, what: str) -> int:
    text = os.environ.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) < LONGEST_SIZE and int(text) > 0:
        return int(text)
    logger.warning("%s is %r, which is no %s; using %d", name, text[:LONGEST_SIZE], what, default)
    return default


def _hook_timeout() -> float:
    text = os.environ.get(ENV_HOOK_TIMEOUT)
    if text is None:
        return DEFAULT_HOOK_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and seconds > 0:
        return seconds
    logger.warning(
        "%s is %r, which is no positive number of seconds; using %s", ENV_HOOK_TIMEOUT, text, DEFAULT_HOOK_TIMEOUT
    )
    return DEFAULT_HOOK_TIMEOUT


def _log_level() -> str:
    name = ENV_LOG_LEVEL if ENV_LOG_LEVEL in os.environ else ENV_LOG_LEVEL_ALIAS
    text = os.environ.get(name, DEFAULT_LOG_LEVEL)
    level = text.strip().upper()
    if level in logging.getLevelNamesMapping():
        return level
    logger.warning("%s is %r, which is no log level; using %s", name, text, DEFAULT_LOG_LEVEL)
    return DEFAULT_LOG_LEVEL
