"""What alembic runs to have the revisions applied."""

from __future__ import annotations

from alembic import context

from servehttp.workspace.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
