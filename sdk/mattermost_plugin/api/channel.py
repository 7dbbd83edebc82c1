"""The gRPC channel to the host's API: where it is, and how it is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mattermost_plugin.message_sizes import DEFAULT_MESSAGE_SIZE, message_limits
from mattermost_plugin.runtime_config import ENV_API_CA, ENV_API_CERT, ENV_API_KEY, ENV_API_TARGET, message_size

if TYPE_CHECKING:  # it takes long to import, and an async client may do without it
    import grpc
    import grpc.aio

PLUGIN_API_TARGET_ENV = ENV_API_TARGET

FIRST_RECONNECT = 100
"""Milliseconds until a lost connection is tried again; gRPC's own second would outlast most restarts of a host."""
LAST_RECONNECT = 2_000
"""Milliseconds between later tries."""

# gRPC's "min_reconnect_backoff" stays as it is: it is how long one attempt to connect may take, which on a busy machine
# is more than any of these.

Options = Sequence[tuple[str, Any]]

DEFAULT_CHANNEL_OPTIONS: Options = (
    *message_limits(DEFAULT_MESSAGE_SIZE).items(),
    ("grpc.initial_reconnect_backoff_ms", FIRST_RECONNECT),
    ("grpc.max_reconnect_backoff_ms", LAST_RECONNECT),
    # A proxy in the environment is for the plugin's requests to the world, not for its host.
    ("grpc.enable_http_proxy", 0),
)


def get_default_target() -> str:
    """Where the host says that its API is.

    Raises:
        RuntimeError: it does not say.
    """
    target = os.environ.get(PLUGIN_API_TARGET_ENV)
    if target:
        return target
    raise RuntimeError(
        f"there is no API: {PLUGIN_API_TARGET_ENV} is not set, as by a gateway that has no workspace; "
        "pass target= to use another host's"
    )


def environment_credentials() -> grpc.ChannelCredentials:
    """What TLS is spoken by, with the files that the environment names.

    Raises:
        RuntimeError: one of them cannot be read, or there is a certificate without its key.
    """
    import grpc

    ca, cert, key = (_content(name) for name in (ENV_API_CA, ENV_API_CERT, ENV_API_KEY))
    if (cert is None) != (key is None):
        raise RuntimeError(f"{ENV_API_CERT} and {ENV_API_KEY} go together: a certificate and its key")
    return grpc.ssl_channel_credentials(ca, key, cert)


def _content(name: str) -> bytes | None:
    """Of the file that a variable names; None if it names none."""
    path = os.environ.get(name)
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RuntimeError(f"{name} is {path}, which cannot be read: {error.strerror or error}") from None


def create_channel(
    target: str | None = None,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    options: Options | None = None,
) -> grpc.Channel:
    """A blocking channel.

    Args:
        target: `host:port` or `unix:PATH`; by default what the environment says.
        credentials: for TLS.
        options: gRPC channel options, beside or instead of `DEFAULT_CHANNEL_OPTIONS`.

    Raises:
        RuntimeError: no target is given, and the environment has none.
    """
    import grpc

    target = target or get_default_target()
    if credentials is None:
        return grpc.insecure_channel(target, merged(options))
    return grpc.secure_channel(target, credentials, merged(options))


def create_async_channel(
    target: str | None = None,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    options: Options | None = None,
) -> grpc.aio.Channel:
    """A channel for the running event loop. Arguments and errors are those of `create_channel`."""
    import grpc.aio

    target = target or get_default_target()
    if credentials is None:
        return grpc.aio.insecure_channel(target, merged(options))
    return grpc.aio.secure_channel(target, credentials, merged(options))


def merged(options: Options | None) -> list[tuple[str, Any]]:
    """The options given, and the defaults for the rest."""
    return list({**dict(DEFAULT_CHANNEL_OPTIONS), **message_limits(message_size()), **dict(options or ())}.items())
