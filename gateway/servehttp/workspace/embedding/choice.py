"""Whether a gateway has a workspace: where the settings ask for one, and the libraries that it needs are installed.

Nothing of those is imported here, for a gateway without a workspace does without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from servehttp.errors import WorkspaceError
from servehttp.workspace.settings import DATABASE_FILE, Settings

if TYPE_CHECKING:
    from servehttp.workspace.embedding.host import WorkspaceHost
    from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

NEEDED = ("aiosqlite", "alembic", "argon2", "greenlet", "sqlalchemy")
"""What the extra `workspace` brings."""
INSTALL = "pip install 'servehttp[workspace]'"

log = structlog.get_logger("servehttp.workspace")


def choose_host(settings: Settings) -> WorkspaceHost | None:
    """The workspace of a gateway, not open yet; None without one.

    Where it is on by default alone and not installed, a line of the log says how to have it. Who has one already must
    not lose it so: users' tokens would reach plugins.

    Raises:
        WorkspaceError: it is asked for, or there is one, and it cannot be loaded.
    """
    if not settings.workspace.enabled:
        return None
    if (missing := _missing()) and not _is_wanted(settings):
        text = "there is no workspace: plugins have no API, and users are not known"
        log.warning(text, missing=missing, remedy=INSTALL)
        return None
    with loading():
        from servehttp.workspace.embedding.host import WorkspaceHost

        return WorkspaceHost(settings)


def make_reader(settings: Settings) -> WorkspaceReader:
    """What knows in a worker who sends requests, where the main process has a workspace.

    Raises:
        WorkspaceError: it cannot be loaded.
    """
    with loading():
        from servehttp.workspace.embedding.workspace_reader import WorkspaceReader

        return WorkspaceReader(settings)


@contextmanager
def loading() -> Iterator[None]:
    """Import what a workspace needs.

    Raises:
        WorkspaceError: something of it is not installed, or cannot be loaded.
    """
    if missing := _missing():
        raise WorkspaceError(f"the workspace needs {', '.join(missing)}: {INSTALL}")
    try:
        yield
    except ImportError as error:
        raise WorkspaceError(f"the workspace cannot be loaded, {error}: {INSTALL}") from error


def _is_wanted(settings: Settings) -> bool:
    """Whether there is a workspace already, or something is set of one."""
    is_set = bool(settings.model_fields_set & {"workspace", "rest"})
    return is_set or (settings.data_dir / DATABASE_FILE).exists()


def _missing() -> list[str]:
    return [name for name in NEEDED if find_spec(name) is None]
