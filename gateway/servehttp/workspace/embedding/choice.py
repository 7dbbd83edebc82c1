"""Whether a gateway has a workspace: where the settings ask for one, and the libraries that it needs are installed.

Nothing of those is imported here, for a gateway without a workspace does without them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from servehttp.errors import WorkspaceError
from servehttp.workspace.settings import Settings

if TYPE_CHECKING:
    from servehttp.workspace.embedding.host import WorkspaceHost
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

NEEDED = ("aiosqlite", "alembic", "argon2", "sqlalchemy")
"""What the extra `workspace` brings."""
INSTALL = "pip install 'servehttp[workspace]'"

log = structlog.get_logger("servehttp.workspace")


def choose_host(settings: Settings) -> WorkspaceHost | None:
    """The workspace of a gateway, not open yet; None without one.

    Where it is on by default alone and not installed, a line of the log says how to have it.

    Raises:
        WorkspaceError: the settings ask for it in so many words, and it is not installed.
    """
    if not settings.workspace.enabled:
        return None
    if is_installed():
        from servehttp.workspace.embedding.host import WorkspaceHost

        return WorkspaceHost(settings)
    if "enabled" in settings.workspace.model_fields_set:
        require_installed()
    log.info("there is no workspace: plugins have no API, and users are not known", remedy=INSTALL)
    return None


def choose_reader(settings: Settings) -> WorkspaceReader | None:
    """What knows in a worker who sends requests, where the main process has a workspace."""
    if not (settings.workspace.enabled and is_installed()):
        return None
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

    return WorkspaceReader(settings)


def is_installed() -> bool:
    """Whether everything that a workspace needs is there."""
    return not _missing()


def require_installed() -> None:
    """Go on only where a workspace can be.

    Raises:
        WorkspaceError: something that it needs is not installed.
    """
    if missing := _missing():
        raise WorkspaceError(f"the workspace needs {', '.join(missing)}: {INSTALL}")


def _missing() -> list[str]:
    return [name for name in NEEDED if find_spec(name) is None]
