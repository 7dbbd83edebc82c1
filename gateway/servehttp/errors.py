"""Every error that the gateway raises itself, as one tree under `GatewayError`.

A message is one line, built from the error's fields, that says what was wrong, where, and what to do. `exit_code` is
what the command line returns when the error ends it: 1 for a failure, 3 for invalid configuration or manifests.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import ClassVar, Final


class GatewayError(Exception):
    """The root of the tree."""

    exit_code: ClassVar[int] = 1


class SettingsError(GatewayError):
    """A setting that cannot be used.

    Attributes:
        where: where the value came from: a file, an environment variable or an option. Empty when nobody can tell.
        problem: what is wrong with it and how to put it right.
    """

    exit_code = 3

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.where = where
        self.problem = problem


class ManifestError(GatewayError):
    """A plugin's manifest, or what it names, cannot be used.

    Attributes:
        file: the manifest, or the folder in which there should be one.
        field: the dotted name of the field, empty when the file as a whole is meant.
        problem: what is wrong.
        remedy: what to do about it.
    """

    exit_code = 3

    def __init__(self, file: Path, field: str, problem: str, remedy: str) -> None:
        place = f"{file}: {field}" if field else str(file)
        super().__init__(f"{place}: {problem}; {remedy}")
        self.file = file
        self.field = field
        self.problem = problem
        self.remedy = remedy


class BundleError(GatewayError):
    """A plugin's bundle that cannot be unpacked, or holds no plugin; the message says why, with the bundle as "it"."""


class DependencyError(GatewayError):
    """What a plugin needs besides the SDK is not there; the message says why, with the plugin as "it"."""


class NoPluginsError(GatewayError):
    """There is nothing to serve: no plugin was named, or none of those named can be used."""

    exit_code = 3

    def __init__(self, reason: str) -> None:
        super().__init__(f"no plugin to serve: {reason}")
        self.reason = reason


class WorkspaceError(GatewayError):
    """The workspace cannot be opened; the message says why."""


class NoUserError(GatewayError):
    """There is no user of this name in the workspace."""

    def __init__(self, username: str) -> None:
        super().__init__(f"there is no user {username!r} in the workspace")


class AccountError(GatewayError):
    """An account cannot be made or changed so; the message says why."""


class BackupError(GatewayError):
    """A backup cannot be made, or not be restored; the message says why."""


class InterpreterError(GatewayError):
    """A plugin's Python interpreter does not run, or is not of the version that the plugin asks for.

    Attributes:
        interpreter: the path of the interpreter.
        problem: what is wrong with it.
        remedy: what to do about it.
    """

    exit_code = 3

    def __init__(self, interpreter: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{interpreter}: {problem}; {remedy}")
        self.interpreter = interpreter
        self.problem = problem
        self.remedy = remedy


class ListenError(GatewayError):
    """The gateway cannot listen where it was told to.

    Attributes:
        address: `host:port`, or the path of a unix socket.
        problem: what is wrong and how to put it right.
    """

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"cannot listen on {address}: {problem}")
        self.address = address
        self.problem = problem


class PluginStartError(GatewayError):
    """A plugin did not come up.

    Attributes:
        plugin_id: which one.
        reason: why: its exit code, its last words, what it printed instead of a handshake, what its OnActivate said.
        stopped_before: whether the version that it should have replaced was stopped for it.
    """

    def __init__(self, plugin_id: str, reason: str) -> None:
        super().__init__(f"plugin {plugin_id} did not start: {reason}")
        self.stopped_before = False
        self.plugin_id = plugin_id
        self.reason = reason


class LinkError(GatewayError):
    """The connection to a plugin could not be made, was lost, or gave no answer in time; the message says which."""


class NotServing(LinkError):
    """The plugin is there, and says that it takes nothing new."""


class NoTunnelError(LinkError):
    """The plugin does not know the tunnel, and never will."""


class ActivationError(GatewayError):
    """A lifecycle hook of a plugin returned an error; the message is the plugin's own text."""


class ResponseTruncated(GatewayError):
    """Raised on purpose through the HTTP server: a response that has begun cannot be finished.

    The server answers it by breaking the connection, so that the client never takes a part for the whole. The failure
    itself has been logged by then, so `servehttp.logs` drops the server's trace of this class.
    """


HOST_LACKS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS))
"""What the system says when it has no descriptors, memory or processes left."""

MAX_ORIGINS: Final = 32


def is_host_lack(error: BaseException) -> bool:
    """Whether an error comes from a lack of descriptors, memory or processes here, and so says nothing of a plugin."""
    origin: BaseException | None = error
    for _ in range(MAX_ORIGINS):
        if origin is None:
            return False
        if isinstance(origin, MemoryError) or (isinstance(origin, OSError) and origin.errno in HOST_LACKS):
            return True
        origin = origin.__cause__ or origin.__context__
    return False
