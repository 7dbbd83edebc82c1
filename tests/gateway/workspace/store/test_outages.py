"""Databases that cannot serve: whoever asks is told so in bounded time, and is served again once they can."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from servehttp.workspace.store.database import Database, Timeouts
from servehttp.workspace.store.folder_blobs import FolderBlobs
from servehttp.workspace.store.outages import StoreUnavailable
from support.databases import connect_to
from support.proxy import Proxy, proxied
from support.workspaces import SERVER

pytestmark = pytest.mark.anyio

QUICK = Timeouts(connect=0.5, busy=0.2, transaction=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    database = Database.open(f"sqlite:///{file}", QUICK)
    async with database.transaction() as tx:
        await tx.execute(text("CREATE TABLE things (name TEXT PRIMARY KEY, value BLOB)"))
    yield database
    await database.close()


async def write(database: Database, name: str, size: int = 1) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO things VALUES (:name, zeroblob(:size))"), {"name": name, "size": size})


async def count(database: Database) -> int:
    async with database.reading() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM things"))).scalar_one())


async def test_a_file_that_another_process_writes_to_is_waited_for_and_no_longer(
    database: Database, file: Path
) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await write(database, "a")
    assert database.trouble == "database is locked"
    assert await count(database) == 0
    other.execute("ROLLBACK")
    other.close()
    await write(database, "b")
    assert database.trouble is None


async def test_a_full_disk_is_an_outage_for_who_writes(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="full"):
        async with database.transaction() as tx:
            await tx.execute(text("PRAGMA max_page_count = 1"))  # as many as there are, which is as a full disk
            await tx.execute(text("INSERT INTO things VALUES ('big', zeroblob(1000000))"))
    assert await count(database) == 0
    assert database.trouble is not None


async def test_a_file_that_cannot_be_written_is_an_outage_for_who_writes(database: Database) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        async with database.transaction() as tx:
            await tx.execute(text("PRAGMA query_only = 1"))
            await tx.execute(text("INSERT INTO things VALUES ('a', NULL)"))
    assert await count(database) == 0


async def test_a_file_that_is_gone_is_neither_written_on_nor_made_anew(database: Database, file: Path) -> None:
    away = shutil.move(file, file.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="is gone"):
            await write(database, "a")
        with pytest.raises(StoreUnavailable, match="is gone"):
            await count(database)
    assert not os.path.exists(file)  # noqa: ASYNC240  # there is nothing to wait for
    shutil.copy(away, file)
    with pytest.raises(StoreUnavailable, match="another file is in its place"):
        await count(database)
    os.replace(away, file)
    await write(database, "b")
    assert (await count(database), database.trouble) == (1, None)


async def test_who_only_visits_makes_no_file(file: Path) -> None:
    database = Database.open(f"sqlite:///{file}", QUICK, make=False)
    with pytest.raises(StoreUnavailable, match="is not there"):
        await count(database)
    await database.close()
    assert not os.path.exists(file)  # noqa: ASYNC240  # there is nothing to wait for


def test_a_file_that_cannot_be_opened_leaves_no_thread_that_outlives_the_loop(tmp_path: Path) -> None:
    (tmp_path / "workspace.db").mkdir()
    complaints: list[object] = []

    async def open_it() -> None:
        with pytest.raises(StoreUnavailable):
            await count(Database.open(f"sqlite:///{tmp_path / 'workspace.db'}", QUICK))

    before, threading.excepthook = threading.excepthook, complaints.append
    try:
        for _ in range(100):  # who does not wait for the thread wins the race now and then
            asyncio.run(open_it())
    finally:
        threading.excepthook = before
    assert complaints == []


async def test_a_writer_of_this_process_that_does_not_end_is_not_waited_for(database: Database) -> None:
    async with database.transaction():
        with pytest.raises(StoreUnavailable, match="another writer"):
            await asyncio.create_task(write(database, "a"))
    await write(database, "b")
    assert await count(database) == 1


async def test_what_is_wrong_with_a_statement_is_no_outage(database: Database) -> None:
    await write(database, "a")
    with pytest.raises(DBAPIError):
        await write(database, "a")
    with pytest.raises(DBAPIError):
        async with database.reading() as tx:
            await tx.execute(text("SELECT nothing FROM nowhere"))
    assert database.trouble is None


async def test_files_that_cannot_be_stored_are_an_outage_too(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "files")
    (tmp_path / "files" / "full.part").symlink_to("/dev/full")
    with pytest.raises(StoreUnavailable, match="No space left"):
        await blobs.write_bytes("full", b"x" * 100_000)


@contextmanager
def silent() -> Iterator[int]:
    """A port where connections are accepted, and nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_a_server_that_accepts_and_says_nothing_holds_nobody() -> None:
    with silent() as port:
        database = Database.open(f"postgresql://nobody@127.0.0.1:{port}/none", QUICK)
        asked = [asyncio.create_task(write(database, str(number))) for number in range(4)]
        results = await asyncio.gather(*asked, count(database), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable) for result in results), results
        await database.close()


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with silent() as port:
        pass
    database = Database.open(f"postgresql://nobody@127.0.0.1:{port}/none", QUICK)
    with pytest.raises(StoreUnavailable, match="refused"):
        await count(database)
    await database.close()


needs_server = pytest.mark.skipif(not SERVER, reason="no PostgreSQL server is named")


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with proxied(partial(connect_to, SERVER)) as proxy:
        yield proxy


@pytest.fixture
async def served(proxy: Proxy) -> AsyncIterator[Database]:
    """A PostgreSQL database behind a proxy, with a connection in the pool."""
    await until_nobody_writes()
    url = make_url(SERVER).difference_update_query(["host"]).set(host="127.0.0.1", port=proxy.port)
    database = Database.open(url.render_as_string(hide_password=False), QUICK)
    await one(database)
    yield database
    proxy.thaw()
    await database.close()


async def until_nobody_writes() -> None:
    """A server may take a moment to see that a client has gone, whose turn to write it was."""
    patient = Database.open(SERVER, Timeouts())
    async with patient.transaction():
        pass
    await patient.close()


async def one(database: Database) -> int:
    async with database.reading() as tx:
        return int((await tx.execute(text("SELECT 1"))).scalar_one())


@needs_server
async def test_connections_that_were_cut_while_idle_are_made_again_unseen(served: Database, proxy: Proxy) -> None:
    proxy.cut()
    assert await one(served) == 1
    assert served.trouble is None


@needs_server
async def test_a_frozen_server_holds_nobody_longer_than_the_setting(served: Database, proxy: Proxy) -> None:
    proxy.freeze()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await one(served)
    alone = time.monotonic() - began
    results = await asyncio.gather(*(one(served) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results), results
    assert time.monotonic() - began - alone < 10 * alone, "they waited for one another"
    assert served.trouble is not None
    proxy.thaw()
    assert await one(served) == 1


@needs_server
async def test_a_server_that_freezes_in_a_transaction_ends_it(served: Database, proxy: Proxy) -> None:
    with pytest.raises(StoreUnavailable, match="not answered in time"):
        async with served.transaction() as tx:
            await tx.execute(text("SELECT 1"))
            proxy.freeze()
            await tx.execute(text("SELECT 2"))
    proxy.thaw()
    assert await one(served) == 1


@needs_server
async def test_the_server_ends_a_statement_that_takes_too_long(served: Database) -> None:
    with pytest.raises(StoreUnavailable):
        async with served.reading() as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))
    assert await one(served) == 1


@needs_server
async def test_a_turn_that_another_process_has_is_waited_for_and_no_longer(served: Database) -> None:
    other = Database.open(SERVER, Timeouts())
    async with other.transaction():
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await asyncio.create_task(write(served, "a"))
    await other.close()
