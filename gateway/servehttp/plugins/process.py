"""One process of one plugin: its own session and group, its handshake, its output, its end.

stdin is empty, stdout and stderr are read for ever so that the plugin never blocks on them, and no other file is
inherited. The group dies with its leader: whatever a plugin leaves behind is killed when it ends, however it ends, also
what has moved to another session, if it kept the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from mattermost_plugin.handshake import Handshake, HandshakeError, looks_like_handshake
from servehttp.plugins.child import Child
from servehttp.plugins.environment import (
    api_variables,
    go_plugin_variables,
    make_socket_folder,
    remove_socket_folder,
)
from servehttp.plugins.host import ApiEndpoint
from servehttp.plugins.output import ENCODING, OutputLimits, PluginOutput, Stream, every_level
from servehttp.plugins.printed import PrintedLines
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.reaper_process import end_strays
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.traces import UNDERLINE, Cause, find_cause
from servehttp.plugins.users import User

HANDSHAKE_NOISE = 256 * 1024
"""Bytes on stdout without a handshake after which there is no hope for one."""
EXIT_NOTICE = 0.5
"""Seconds between a plugin closing its stdout and its end, if the one is part of the other."""
OUTPUT_TIMEOUT = 0.5
"""Seconds after its end to read what a plugin wrote last; an escaped child may hold the pipes open for ever."""
KILL_TIMEOUT = 5.0
"""Seconds for a process to end after SIGKILL; only the kernel can delay that, as for one that waits for a lost disk."""
API_FOLDER = "api"
"""Where the socket of the API lies, within a folder that stays ours: a user could put something else in the place of a
folder of its own, and the gateway would remove the socket there."""
PASSABLE_FOLDER = 0o711
SHOWN_LINES = 3
"""Lines of stdout that are quoted where there should have been a handshake."""

NO_HANDSHAKE = "closed its stdout without a handshake"
NOT_AGAIN = "(not tried again: the same files fail in the same way)"
HOPELESS = (FileNotFoundError, NotADirectoryError, PermissionError)
"""Errors of starting a process that come again at every attempt."""

log = structlog.get_logger("servehttp.plugins")


@dataclass(frozen=True)
class Command:
    """What to run, and the folder to run it in."""

    arguments: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class ProcessSpec:
    """All that it takes to start a plugin's process, again and again.

    Attributes:
        plugin_id: the plugin's id, for the log.
        find_command: looks for the interpreter and the script before each start, for the user that it runs as.
        environment: the whole environment, but for the variables of go-plugin and of the plugin API.
        limits: how much of its output is kept and logged.
        open_endpoint: opens the plugin API for one process, in a folder that it makes; None where there is no API.
        user: the name of the user that it runs as; None for our own.
        hand_over: lets that user have the plugin's folder, before each start; None where that is the administrator's.
        replica: the number of the plugin's replica, for the log; None for the only one.
        printed: keeps what it prints for who reads it; None where nobody does.
        level: from which level on is logged what it says, as it is now.
        folder: the plugin's, whose files are looked for in its last words; None for no such look.
    """

    plugin_id: str
    find_command: Callable[[User | None], Awaitable[Command]]
    environment: Mapping[str, str]
    limits: OutputLimits
    open_endpoint: Callable[[Path], Awaitable[ApiEndpoint]] | None = None
    user: str | None = None
    hand_over: Callable[[User], None] | None = None
    replica: int | None = None
    printed: PrintedLines | None = None
    level: Callable[[], int] = every_level
    folder: Path | None = None


class PluginProcess:
    """A running process, made by `launch`; a `Runner`."""

    def __init__(self, spec: ProcessSpec, reaper: Reaper, socket_folder: Path) -> None:
        self._spec = spec
        self._reaper = reaper
        self._socket_folder = socket_folder
        self._folders = [socket_folder]
        self._output = PluginOutput(spec.plugin_id, spec.limits, spec.replica, spec.printed, spec.level)
        self._stdout = _Stdout(self._output)
        self._stderr = _Pipe(self._output, Stream.STDERR)
        self._endpoint: ApiEndpoint | None = None
        self._child: Child | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def launch(cls, spec: ProcessSpec, reaper: Reaper) -> PluginProcess:
        """Start the process.

        Raises:
            RunnerError: it cannot be started.
            GatewayError: what `find_command` raises.
        """
        user = await asyncio.to_thread(_find_user, spec)
        command = await spec.find_command(user)
        process = cls(spec, reaper, _make_folder(reaper))
        try:
            await process._open_endpoint(user)
            await process._spawn(command, user)
        except BaseException:
            await process.stop(0)
            raise
        return process

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return self._child.pid if self._child else None

    async def ready(self, timeout: float) -> str:
        """Wait for the handshake: the target to connect to, or a `RunnerError` that tells what came instead."""
        try:
            async with asyncio.timeout(timeout):
                await self._stdout.decided.wait()
        except TimeoutError:
            raise RunnerError(self._explain(f"printed no handshake within {timeout:g} s"), timed_out=True) from None
        if self._stdout.handshake is not None:
            return self._stdout.handshake.target
        if self._stdout.problem != NO_HANDSHAKE:
            raise RunnerError(self._explain(self._stdout.problem), permanent=True)
        ended = await self._end_without_handshake()
        cause = self._cause()
        if cause is not None and cause.lasts:
            raise RunnerError(f"{self._explain(ended)} {NOT_AGAIN}", permanent=True, cause=cause)
        raise RunnerError(self._explain(ended), cause=cause)

    async def wait(self) -> str:
        """Return as soon as the process has ended: how, and its last words."""
        assert self._child is not None
        await self._child.exited.wait()
        await self._read_rest()
        return _join(self._child.describe_exit(), self._last_words())

    async def stop(self, grace: float) -> None:
        """SIGTERM, and after `grace` seconds SIGKILL, to the whole group; then nothing of it is left. Idempotent."""
        try:
            if grace > 0 and self._child is not None:
                self.terminate()
                await _wait_for(self._child.exited, grace)
        finally:
            self.kill()
            await self._close()

    def retire(self) -> None:
        """Another version has taken the plugin's place."""
        if self._endpoint is not None:
            self._endpoint.retire()

    def terminate(self) -> None:
        """Ask the group to end; nothing happens if it has."""
        if self._child is not None:
            self._child.signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """End the group, also one that was suspended; nothing happens if it has ended."""
        if self._child is not None:
            self._child.signal_group(signal.SIGKILL)

    async def _open_endpoint(self, user: User | None) -> None:
        if self._spec.open_endpoint is None:
            return
        outer = _make_folder(self._reaper)
        self._folders.append(outer)
        folder = outer / API_FOLDER
        try:
            self._endpoint = await self._spec.open_endpoint(folder)
            if user is not None and folder.exists():
                user.own(folder)
                outer.chmod(PASSABLE_FOLDER)
        except (OSError, RuntimeError) as error:
            raise RunnerError(f"cannot offer it the plugin API: {error}") from error

    async def _spawn(self, command: Command, user: User | None) -> None:
        arguments, environment = command.arguments, self._environment()
        if user is not None:
            arguments, environment = user.command(arguments), user.environment(environment)
            user.own(self._socket_folder)
        try:
            self._child = Child(
                arguments,
                on_exit=self._forget_group,
                sweep=functools.partial(end_strays, (str(self._socket_folder),)),
                folder=command.folder,
                environment=environment,
            )
        except OSError as error:
            what = error.filename or arguments[0]
            raise RunnerError(
                f"cannot run {what}: {error.strerror or error}", permanent=isinstance(error, HOPELESS)
            ) from error
        self._reaper.add_group(self._child.pid)
        # Never interrupted: it takes but a moment, and half of it done would leave nobody to close a pipe.
        self._connecting = asyncio.create_task(self._connect_pipes(self._child))
        await asyncio.shield(self._connecting)

    def _environment(self) -> dict[str, str]:
        api = api_variables(self._endpoint.target, self._endpoint.token) if self._endpoint else {}
        return {**self._spec.environment, **go_plugin_variables(self._socket_folder), **api}

    async def _connect_pipes(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        stdout, stderr = child.outputs
        await loop.connect_read_pipe(lambda: self._stdout, stdout)
        await loop.connect_read_pipe(lambda: self._stderr, stderr)

    def _forget_group(self) -> None:
        if self._child is not None:
            self._reaper.remove_group(self._child.pid)

    async def _end_without_handshake(self) -> str:
        assert self._child is not None
        if not await _wait_for(self._child.exited, EXIT_NOTICE):
            return NO_HANDSHAKE
        await self._read_rest()
        forgotten = " (is run_plugin called at the end of its script?)" if self._child.ended_well else ""
        return f"{self._child.describe_exit()} before its handshake{forgotten}"

    async def _read_rest(self) -> None:
        await _wait_for(self._stdout.at_end, OUTPUT_TIMEOUT)
        await _wait_for(self._stderr.at_end, OUTPUT_TIMEOUT)

    async def _close(self) -> None:
        if self._closed:
            return
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        if self._child is not None:
            if not await _wait_for(self._child.exited, KILL_TIMEOUT):
                log.error("a killed plugin process does not end", plugin=self._spec.plugin_id, pid=self.pid)
            await self._read_rest()
            self._stdout.close()
            self._stderr.close()
            self._child.close()
        self._closed = True
        self._output.close()
        if self._endpoint is not None:
            await self._endpoint.close()
        for folder in self._folders:
            await asyncio.to_thread(remove_socket_folder, folder)
            self._reaper.remove_folder(folder)

    def _explain(self, problem: str) -> str:
        printed = self._output.last_lines(Stream.STDOUT)[-SHOWN_LINES:]
        instead = f"on stdout it printed {' | '.join(printed)!r:.200}" if printed else ""
        return _join(problem, instead, self._last_words())

    def _last_words(self) -> str:
        """What was last on stderr; an exception comes first, with its place in the plugin's files."""
        lines = self._output.last_lines(Stream.STDERR)
        if (cause := self._cause()) is not None:
            lines = [str(cause), *(line for line in lines if line != cause.error and not UNDERLINE.fullmatch(line))]
        return f"last on stderr: {' | '.join(lines)}" if lines else ""

    def _cause(self) -> Cause | None:
        folder = self._spec.folder
        return None if folder is None else find_cause(self._output.last_lines(Stream.STDERR), folder)


class _Pipe(asyncio.Protocol):
    """Takes what the event loop reads from one stream of the process; nothing in here waits."""

    def __init__(self, output: PluginOutput, stream: Stream) -> None:
        self.at_end = asyncio.Event()
        self._output = output
        self._stream = stream
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._output.feed(self._stream, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._output.end(self._stream)
        self.at_end.set()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Stdout(_Pipe):
    """The stream on which the handshake comes; all else on it is output."""

    def __init__(self, output: PluginOutput) -> None:
        super().__init__(output, Stream.STDOUT)
        self.decided = asyncio.Event()
        self.handshake: Handshake | None = None
        self.problem = ""
        self._rest = b""
        self._noise = 0

    def data_received(self, data: bytes) -> None:
        if self.decided.is_set():
            super().data_received(data)
        else:
            self._look_for_handshake(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.decided.is_set():
            super().data_received(self._rest)
            self._decide(problem=NO_HANDSHAKE)
        super().connection_lost(exc)

    def _look_for_handshake(self, data: bytes) -> None:
        self._noise += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        texts = (line.decode(ENCODING, "replace") for line in lines)
        found = next((number for number, text in enumerate(texts) if looks_like_handshake(text)), None)
        if found is not None:
            self._read_handshake(lines.pop(found).decode(ENCODING, "replace"))
        elif self._noise > HANDSHAKE_NOISE:
            self._decide(problem=f"printed {HANDSHAKE_NOISE // 1024} KiB on stdout without a handshake")
        super().data_received(b"".join(line + b"\n" for line in lines))
        if self.decided.is_set():
            super().data_received(self._rest)

    def _read_handshake(self, line: str) -> None:
        try:
            self._decide(handshake=Handshake.parse(line))
        except HandshakeError as error:
            self._decide(problem=f"its handshake cannot be used: {error}")

    def _decide(self, handshake: Handshake | None = None, problem: str = "") -> None:
        self.handshake = handshake
        self.problem = problem
        self.decided.set()


def _find_user(spec: ProcessSpec) -> User | None:
    if spec.user is None:
        return None
    user = User.named(spec.user)
    if spec.hand_over is not None:
        try:
            spec.hand_over(user)
        except OSError as error:
            raise RunnerError(f"cannot let the user {user.name!r} have its folder: {error}") from error
    return user


def _make_folder(reaper: Reaper) -> Path:
    try:
        folder = make_socket_folder()
    except OSError as error:
        raise RunnerError(f"cannot make a folder for its socket: {error}") from error
    reaper.add_folder(folder)
    return folder


async def _wait_for(event: asyncio.Event, timeout: float) -> bool:
    """Whether it is set within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await event.wait()
    return event.is_set()


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
