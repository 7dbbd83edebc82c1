"""The gateway as a process of its own: listens, serves until a signal, and tells how its start goes.

SIGTERM or SIGINT stops in order: no new connections, open exchanges drain, plugins stop. A second SIGINT does not wait
for the exchanges.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Sequence

import uvicorn

from servehttp.app import GatewayApp, create_app
from servehttp.errors import GatewayError
from servehttp.front.server import make_server
from servehttp.listening import base_url, listen
from servehttp.plugins.manifest import Manifest
from servehttp.progress import report_start
from servehttp.settings import Settings


def run(settings: Settings, manifests: Sequence[Manifest]) -> None:
    """Serve until a signal says to stop.

    Raises:
        ListenError: the address cannot be used.
        GatewayError: the HTTP server did not start.
    """
    with listen(settings.server) as listener:
        gateway = create_app(settings, manifests)
        server = make_server(gateway, settings, gateway.front)
        # The server repeats the signal that ended it for whoever handled it before; there it shall end nothing.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_serve(server, gateway, listener))


async def _serve(server: uvicorn.Server, gateway: GatewayApp, listener: socket.socket) -> None:
    url = base_url(listener) + gateway.settings.server.root_path
    gc.freeze()  # what is there by now stays, so the collector need not look at it again and again
    progress = asyncio.create_task(report_start(gateway.registry, url, gateway.settings.log.format))
    try:
        await server.serve(sockets=[listener])
    except SystemExit as error:
        raise GatewayError("the HTTP server did not start; the log says why") from error
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)
