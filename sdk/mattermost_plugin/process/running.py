"""How a plugin's script is served: for the host that started it, by hand, or inside a program of one's own."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mattermost_plugin.asgi import LifespanError
from mattermost_plugin.handshake import MAGIC_COOKIE_KEY
from mattermost_plugin.hooks import HookRegistrationError
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.plugin import Plugin, instantiate
from mattermost_plugin.process import event_loop, stdio
from mattermost_plugin.process.addresses import (
    PLAINTEXT,
    AddressError,
    host_address,
    is_reachable_from_outside,
    parse_address,
)
from mattermost_plugin.process.collector import tune_gc
from mattermost_plugin.process.exit_watch import ExitWatch
from mattermost_plugin.process.heap import tune_malloc
from mattermost_plugin.process.server import DEFAULT_GRACE, PluginServer
from mattermost_plugin.process.stop_signals import stop_signals
from mattermost_plugin.runtime_config import DEFAULT_API_TARGET, RuntimeConfig, load_runtime_config
from mattermost_plugin.tls import TLSError, TLSFiles

logger = get_logger("mattermost_plugin.server")


async def serve_plugin(
    plugin_class: type[Plugin],
    config: RuntimeConfig | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    *,
    listen: str | None = None,
    tls: TLSFiles | None = None,
) -> None:
    """Serve a plugin until it is told to stop.

    For the host that started this process it configures logging, takes over stdout and signals, and announces itself.

    Args:
        plugin_class: the plugin's class.
        config: the process's configuration instead of what the environment says.
        options: gRPC server options, beside or instead of `DEFAULT_SERVER_OPTIONS`.
        listen: `unix:PATH` or `HOST:PORT`: serve there, inside a program of one's own, whose logging, stdout and
            signals stay as they are. Cancel the call to stop. `plaintext:HOST:PORT` is for an address that other
            machines reach, without TLS.
        tls: files to speak TLS by, there.

    Raises:
        AddressError: it cannot listen there.
        LifespanError: the application's start-up failed.
        TLSError: a file cannot be used.
        RuntimeError: no host started this process, and `listen` is not given.
    """
    config = config or load_runtime_config()
    if listen is not None:
        await _serve_at(Place(listen, tls), plugin_class, config, options)
    elif stdio.started_by_host():
        config.configure_logging()
        await _serve_for_host(plugin_class, config, options)
    else:
        raise RuntimeError("no host started this process: pass listen= to serve without one")


@dataclass(frozen=True)
class Place:
    """Where a plugin is to be served.

    Attributes:
        listen: the address.
        tls: the files by which it speaks TLS there, if it does.
        health: where probes ask for its health without TLS; None for nowhere.
        grace: seconds that open exchanges get to finish when it stops.
    """

    listen: str
    tls: TLSFiles | None = None
    health: str | None = None
    grace: float = DEFAULT_GRACE


def run_plugin(plugin_class: type[Plugin]) -> None:
    """Serve a plugin from its script: for the host that started it, or by hand with `--listen ADDRESS`.

    By hand it may speak TLS, with `--tls-cert`, `--tls-key` and `--tls-client-ca`.

    Exits with 1 when the plugin cannot be served, with the reason on stderr.
    """
    if not isinstance(plugin_class, type):
        raise TypeError(
            f"run_plugin takes the plugin's class, not an instance: run_plugin({type(plugin_class).__name__})"
        )
    place = _parse_arguments()
    if place is None and not stdio.started_by_host():
        sys.exit(_by_hand_text(plugin_class))
    stdio.trace_crashes()
    watch = ExitWatch()
    try:
        exit_code = event_loop.run(_run(plugin_class, place, watch))
    finally:
        watch.stand_down()
    if exit_code:
        sys.exit(exit_code)


async def _run(plugin_class: type[Plugin], place: Place | None, watch: ExitWatch) -> int:
    exit_code = 1
    try:
        await _serve_as_asked(plugin_class, place)
        exit_code = 0
    except (AddressError, HookRegistrationError, LifespanError, TLSError) as error:
        logger.critical("%s did not start: %s", plugin_class.__name__, error)
    except Exception:  # the border to the plugin's code; a host reads the trace as one record
        logger.critical("%s could not be served", plugin_class.__name__, exc_info=True)
    finally:
        watch.arm(exit_code)
    return exit_code


async def _serve_as_asked(plugin_class: type[Plugin], place: Place | None) -> None:
    config = load_runtime_config()
    config.configure_logging()
    tune_malloc()
    tune_gc()
    if place is None:
        await _serve_for_host(plugin_class, config, None)
    else:
        await _serve_at(place, plugin_class, config, None, by_hand=True)


async def _serve_for_host(
    plugin_class: type[Plugin], config: RuntimeConfig, options: Sequence[tuple[str, Any]] | None
) -> None:
    printed = stdio.PrintedLines()
    pump = stdio.StdoutPump(printed.put)
    pump.open()
    try:
        plugin = instantiate(plugin_class, None, config)
        server = PluginServer(plugin, config, options, address=host_address(), printed=printed)
        await server.start()
        with _stopped_by_signals(server):
            await _until_stopped(server, lambda: stdio.write_handshake(server.address.format()))
    finally:
        pump.close()


async def _serve_at(
    place: Place,
    plugin_class: type[Plugin],
    config: RuntimeConfig,
    options: Sequence[tuple[str, Any]] | None,
    *,
    by_hand: bool = False,
) -> None:
    address = parse_address(place.listen.removeprefix(PLAINTEXT))
    server = PluginServer(
        instantiate(plugin_class, None, config),
        config,
        options,
        address=address,
        tls=place.tls,
        plaintext=place.listen.startswith(PLAINTEXT),
        takes_api=config.api_target == DEFAULT_API_TARGET,  # as nobody has said where it is
        health=parse_address(place.health) if place.health is not None else None,
        grace=place.grace,
    )
    await server.start()
    if is_reachable_from_outside(address) and not (place.tls and place.tls.ca):
        logger.warning("whoever reaches %s can call this plugin in anybody's name", address.address)
    with _stopped_by_signals(server) if by_hand else contextlib.nullcontext():
        announce = _announce_by_hand if by_hand else _log_address
        await _until_stopped(server, lambda: announce(server))


async def _until_stopped(server: PluginServer, announce: Callable[[], None]) -> None:
    try:
        announce()
        await server.wait_for_termination()
    finally:
        await server.stop()


@contextlib.contextmanager
def _stopped_by_signals(server: PluginServer) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = stop_signals()
    for number in numbers:
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, server.request_stop)
    try:
        yield
    finally:
        for number in numbers:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _parse_arguments() -> Place | None:
    if len(sys.argv) == 1:  # as nearly always
        return None
    import argparse

    parser = argparse.ArgumentParser(description="Serve this plugin.", allow_abbrev=False)
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        help="unix:PATH or HOST:PORT: serve there, for a gateway that attaches to it; plaintext:HOST:PORT where other"
        " machines may connect without TLS",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="speak TLS at HOST:PORT, with this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's key (PEM, not encrypted)")
    parser.add_argument(
        "--tls-client-ca", metavar="FILE", help="take only clients with a certificate of one of these CAs (PEM)"
    )
    parser.add_argument(
        "--health",
        metavar="HOST:PORT",
        help="answer gRPC's health checks there too, without TLS and nothing else, for probes without a certificate",
    )
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=_seconds,
        default=DEFAULT_GRACE,
        help="how long open requests may go on after SIGTERM; %(default)g without it",
    )
    arguments = parser.parse_known_args()[0]
    files = (arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    if any(files) and not (arguments.tls_cert and arguments.tls_key and arguments.listen):
        parser.error("TLS needs --listen HOST:PORT, --tls-cert and --tls-key")
    if arguments.listen is None:
        return None
    tls = TLSFiles(*(name or "" for name in files)) if any(files) else None
    return Place(arguments.listen, tls, arguments.health, arguments.grace)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError("no number of seconds")
    return seconds


def _log_address(server: PluginServer) -> None:
    logger.info("serving at %s", server.address.target)


def _announce_by_hand(server: PluginServer) -> None:
    target, scheme = server.address.target, _scheme(server)
    name = server.config.plugin_id or "ID"
    print(
        f"{type(server.plugin).__name__} listens at {target}{', by TLS' if scheme == 'tls:' else ''}\n"
        f"Attach it to a gateway:  servehttp serve --attach {name}={scheme}{target}",
        file=sys.stderr,
        flush=True,
    )


def _scheme(server: PluginServer) -> str:
    """What a gateway has to be told before the address."""
    if server.speaks_tls:
        return "tls:"
    return PLAINTEXT if is_reachable_from_outside(server.address) else ""


def _by_hand_text(plugin_class: type[Plugin]) -> str:
    folder, command = _own_command()
    return (
        f"{plugin_class.__name__} is a plugin: a host starts it, and none did ({MAGIC_COOKIE_KEY} is not set).\n"
        f"Let a gateway start it:      servehttp serve {folder}\n"
        f"Or serve it by hand, for a gateway that attaches to it, a debugger or a test:\n"
        f"                             python {command} --listen 127.0.0.1:7000"
    )


def _own_command() -> tuple[Path, str]:
    """The plugin's folder, and what its Python was told to run."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return Path.cwd(), f"-m {script.parent.name} {sys.argv[1]}"
    return script.absolute().parent, script.name
