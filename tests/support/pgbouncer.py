"""pgbouncer in front of a PostgreSQL server, where it is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from support.patience import PATIENCE

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SESSIONS = 3
PORT = 6432
"""Part of the name of its socket, which is in a folder of its own."""
ANYBODY = "nobody"


@asynccontextmanager
async def pooled(server: str) -> AsyncIterator[str]:
    """The URL of a database through pgbouncer, whose transactions share `SESSIONS` sessions.

    Args:
        server: the URL of the database.
    """
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="pgb") as name:
        folder = Path(name)
        config = folder / "pgbouncer.ini"
        config.write_text(_configuration(server, folder))
        command = [PROGRAM, "-q", str(config)]
        if os.getuid() == 0:
            user = _user(server)
            shutil.chown(folder, user)
            shutil.chown(config, user)
            command += ["-u", user]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            async with asyncio.timeout(PATIENCE):
                await _listening(folder, process)
            through = make_url(server).set(host=None, port=PORT, password=None)
            yield through.update_query_dict({"host": name}).render_as_string()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _user(server: str) -> str:
    """Who it runs as instead of root, as which it refuses to: somebody who may use the server's socket."""
    host = Path(str(make_url(server).query.get("host", "")))
    owner = host.owner() if host.is_absolute() else ANYBODY
    return ANYBODY if owner == "root" else owner


def _configuration(server: str, folder: Path) -> str:
    url = make_url(server)
    parts = {"host": url.host or url.query.get("host"), "port": url.port, "user": url.username}
    parts["password"] = url.password
    upstream = " ".join(f"{name}={value}" for name, value in parts.items() if value)
    return (
        f"[databases]\n{url.database} = {upstream}\n[pgbouncer]\nunix_socket_dir = {folder}\nlisten_port = {PORT}\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {SESSIONS}\n"
    )


async def _listening(folder: Path, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_unix_connection(folder / f".s.PGSQL.{PORT}")
        except (ConnectionRefusedError, FileNotFoundError):
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise RuntimeError(f"pgbouncer has ended with {process.returncode}")
