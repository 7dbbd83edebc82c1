"""How large the workspace is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table, func, select, text

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.store.tables.channels import channels
from servehttp.workspace.store.tables.files import files
from servehttp.workspace.store.tables.posts import posts
from servehttp.workspace.store.tables.teams import teams
from servehttp.workspace.store.tables.users import access_tokens, sessions, users

COUNTED: dict[str, Table] = {
    "user_count": users,
    "team_count": teams,
    "channel_count": channels,
    "post_count": posts,
    "file_count": files,
    "session_count": sessions,
    "access_token_count": access_tokens,
}
"""By the name of each size; what was deleted and can come back counts as well."""
DATABASE_BYTES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True)
class NamedSize:
    """One size.

    Attributes:
        name: of what; one that ends with "bytes" is in bytes.
        value: how many.
    """

    name: str
    value: int


class Sizes(Domain):
    """Tells how large the workspace is."""

    async def all(self) -> list[NamedSize]:
        """How many there are of what, and how many bytes files and the database have."""
        async with self.db.reading() as connection:
            counts = {name: select(func.count()).select_from(table) for name, table in COUNTED.items()}
            found = {name: await connection.scalar(query) for name, query in counts.items()}
            found["file_bytes"] = await connection.scalar(select(func.coalesce(func.sum(files.c.size), 0)))
            if (query := DATABASE_BYTES.get(self.db.dialect)) is not None:
                found["database_bytes"] = await connection.scalar(text(query))
        return [NamedSize(name, int(value or 0)) for name, value in found.items()]
