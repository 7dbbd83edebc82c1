"""A process of its own that serves a workspace's plugin API. Usage: python api_process.py DATA_DIR SOCKET_FOLDER"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import open_workspace

PLUGIN_ID = "p"


async def main(data_dir: Path, folder: Path) -> None:
    async with open_workspace(data_dir, WorkspaceSettings()) as workspace:
        endpoint = await Endpoint.on_socket(workspace, PLUGIN_ID, folder)
        print(endpoint.target, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
