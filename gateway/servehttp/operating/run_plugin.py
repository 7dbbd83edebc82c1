"""The command that serves one plugin at an address, for gateways that find it there: it becomes its process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from servehttp.plugins.interpreter import find_interpreter
from servehttp.plugins.manifest import Manifest, load_manifest


def run_plugin(
    folder: Annotated[
        Path, typer.Argument(help="The plugin's folder.", metavar="PLUGIN_DIR", exists=True, file_okay=False)
    ],
    listen: Annotated[
        str,
        typer.Option(
            help="Where gateways connect to: unix:PATH or HOST:PORT; plaintext:HOST:PORT without TLS.",
            metavar="ADDRESS",
        ),
    ],
    tls_cert: Annotated[
        Path | None, typer.Option(help="The plugin's certificate (PEM), read again when it changes.", metavar="FILE")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key.", metavar="FILE")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Take only gateways with a certificate of one of these CAs.", metavar="FILE")
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(help="Where probes ask for its health by gRPC, without TLS.", metavar="HOST:PORT"),
    ] = None,
    grace: Annotated[
        float | None, typer.Option(help="Seconds that open requests may go on after SIGTERM.", metavar="SECONDS")
    ] = None,
) -> None:
    """Serve one plugin at an address, for gateways on other machines: plugins.remote names it there.

    It becomes the plugin's own process, with the interpreter of its environment, and with the environment of this one,
    in which the address of its API may be. SIGTERM has it drain, deactivate and end.
    """
    manifest = load_manifest(folder.absolute())
    options = {
        "--listen": listen,
        "--tls-cert": tls_cert and tls_cert.absolute(),
        "--tls-key": tls_key and tls_key.absolute(),
        "--tls-client-ca": tls_client_ca and tls_client_ca.absolute(),
        "--health": health,
        "--grace": grace,
    }
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    interpreter = str(find_interpreter(manifest.folder, sys.executable))
    os.chdir(manifest.folder)
    os.execve(interpreter, [interpreter, *manifest.server.command(), *given], environment(manifest, os.environ))


def environment(manifest: Manifest, source: Mapping[str, str]) -> dict[str, str]:
    """What the process is told: which plugin it is, unless the environment says it, and where its modules are."""
    path = os.pathsep.join(filter(None, (str(manifest.folder), source.get("PYTHONPATH", ""))))
    own = {
        "MATTERMOST_PLUGIN_ID": manifest.id,
        "MATTERMOST_PLUGIN_PATH": str(manifest.folder),
        "MATTERMOST_PLUGIN_BASE_PATH": f"/plugins/{manifest.id}",
    }
    return {**own, **source, "PYTHONPATH": path}
