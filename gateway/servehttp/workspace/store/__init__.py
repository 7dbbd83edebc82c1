"""Where the workspace is kept: any database that SQLAlchemy knows, and files beside it."""
