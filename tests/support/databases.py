"""Databases of a PostgreSQL server, for those who should not share one."""

from __future__ import annotations

import asyncio

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url


def create_database(server: str, name: str) -> str:
    """Create an empty one beside the one that the URL names, and return its URL."""
    _run(server, f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """Drop what `create_database` made, though somebody is still connected to it."""
    _run(server, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _run(server: str, statement: str) -> None:
    engine = create_engine(_with_driver(server), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def _with_driver(server: str) -> URL:
    return make_url(server).set(drivername="postgresql+psycopg")


async def connect_to(server: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which nothing was said yet, to be used by a proxy."""
    url = make_url(server)
    port = url.port or 5432
    if url.host:
        return await asyncio.open_connection(url.host, port)
    return await asyncio.open_unix_connection(f"{url.query['host']}/.s.PGSQL.{port}")
