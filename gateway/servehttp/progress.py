"""What a person sees while the gateway starts and stops: each plugin as it comes up or fails, the URLs, the wait.

On a terminal in colour, elsewhere as plain lines; with JSON logs as log records.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import TextIO

import structlog
from rich.console import Console
from rich.text import Text

from servehttp.build import REMEDY, build_name, describe_build, is_compiled
from servehttp.logs import escape_controls, resolve_format, use_colours
from servehttp.plugins.handle import PluginHandle
from servehttp.plugins.states import PluginState
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.kinds import LogFormat

POLL_INTERVAL = 0.05
"""Seconds between two looks at the plugins' states."""

REASON_HEAD, REASON_TAIL = 60, 100
"""Characters of why a plugin did not start, from its beginning and its end, where a trace names the error; the log has
it whole."""

NO_PLUGIN = "  without a plugin yet; install one:  servehttp plugin install --enable FILE"

log = structlog.get_logger("servehttp.progress")

_ON_ITS_WAY = (PluginState.QUEUED, PluginState.STARTING)
_UNDECIDED = (PluginState.STOPPED, *_ON_ITS_WAY)
_MARKS = {PluginState.RUNNING: ("✓", "green"), PluginState.RESTARTING: ("…", "yellow")}
_FAILED_MARK = ("✗", "red")


async def report_start(
    plugins: Iterable[PluginHandle],
    url: str,
    log_format: LogFormat,
    stream: TextIO | None = None,
    serving: Callable[[], Awaitable[None]] | None = None,
    started: Callable[[], bool] = lambda: False,
) -> None:
    """Tell of each plugin once its start has succeeded or failed, and after the last one where those that run are.

    Args:
        plugins: those that start.
        url: where they are served.
        log_format: whether it is told to people or logged.
        stream: where it is told; standard error by default.
        serving: waits for what else has to be there before the URLs are told.
        started: whether all that are to start have begun to, so that those that have not are not to.
    """
    stream = stream or sys.stderr
    as_json = resolve_format(log_format, stream) == "json"
    console = Console(
        file=stream, color_system="auto" if use_colours(stream) else None, highlight=False, soft_wrap=True
    )
    waiting = list(plugins)
    width = max((len(plugin.id) for plugin in waiting), default=0)
    served: list[PluginHandle] = []
    while waiting:
        undecided = _ON_ITS_WAY if started() else _UNDECIDED
        for plugin in [plugin for plugin in waiting if _is_decided(plugin, undecided)]:
            waiting.remove(plugin)
            served.append(plugin)
            if not as_json:
                console.print(_line(plugin, width))
        if waiting:
            await asyncio.sleep(POLL_INTERVAL)
    if serving is not None:
        await serving()
    if as_json:
        remedy = {} if is_compiled() else {"remedy": REMEDY}
        states = {plugin.id: str(plugin.state) for plugin in served}
        log.info("serving", url=url, plugins=states, build=build_name(), **remedy)
        return
    console.print(Text.assemble((f"Serving on {url}", "bold"), (f" ({describe_build()})", "dim")))
    for plugin in served:
        if plugin.state is PluginState.RUNNING:
            console.print(Text(f"  {url}/plugins/{plugin.id}/"))
    if not served:
        console.print(Text(NO_PLUGIN))
    console.print(Text("Press Ctrl-C to stop.", style="dim"))


def _is_decided(plugin: PluginHandle, undecided: Container[PluginState]) -> bool:
    return all(replica.state not in undecided for replica in plugin.replicas)


def _line(plugin: PluginHandle, width: int) -> Text:
    mark, style = _MARKS.get(plugin.state, _FAILED_MARK)
    line = Text.assemble((mark, style), f" {plugin.id:<{width}}  ", (f"{plugin.state:<10}", style))
    if plugin.started_in is not None:
        line.append(f"  {plugin.started_in:.2f} s")
    if plugin.reason:
        line.append(f"  {_shorten(escape_controls(plugin.reason))}")
    return line


def _shorten(reason: str) -> str:
    words = " ".join(reason.split())
    if len(words) <= REASON_HEAD + REASON_TAIL:
        return words
    return f"{words[:REASON_HEAD].rstrip()} … {words[-REASON_TAIL:].lstrip()}"


def report_stop(number: int, settings: GatewaySettings, stream: TextIO | None = None) -> None:
    """Tell that the gateway stops, and how long that may take.

    Args:
        number: the signal that told it to.
        settings: how it is told, and the time.
        stream: where it is told; standard error by default.
    """
    stream = stream or sys.stderr
    name, seconds = signal.Signals(number).name, settings.server.drain_timeout
    if resolve_format(settings.log.format, stream) == "json":
        log.info("stopping", signal=name, drain_timeout=seconds)
        return
    again = " again" if number == signal.SIGINT else ""
    text = f"Stopping ({name}): what is open may go on for {seconds:g} s. Ctrl-C{again} stops at once."
    print(text, file=stream, flush=True)
