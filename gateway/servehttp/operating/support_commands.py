"""`servehttp support`: what somebody who helps has to know, in one file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from servehttp.errors import GatewayError
from servehttp.operating.remote import Remote, with_gateway


@with_gateway
def support(
    remote: Remote,
    file: Annotated[
        Path | None,
        typer.Argument(help="The .tar.gz to make; else one named by the time.", metavar="FILE"),
    ] = None,
    with_output: Annotated[
        bool, typer.Option("--with-output", help="Also what plugins have printed and logged, secrets in it or not.")
    ] = False,
) -> None:
    """Gather what somebody who helps has to know: settings, versions, states, requests, tasks, metrics and logs.

    Passwords and tokens are masked. What could not be had is told, and in the archive as well. Requests, tasks and logs
    are had of a gateway that runs with its console on.
    """
    from servehttp.operating.support_archive import gather  # here, because only this needs what it loads

    path = file or Path(time.strftime("servehttp-support-%Y%m%d-%H%M%S.tar.gz"))
    try:
        missing = gather(remote, path, with_output=with_output)
    except OSError as error:
        raise GatewayError(f"{path} cannot be made: {error.strerror or error}") from None
    for line in missing:
        print(f"without {line}", file=sys.stderr)
    print(f"{path}: look through it before you send it to anybody")
