"""Virtual environments with what installed plugins need, each named after what is in it.

An environment lies outside the plugins' folders, and two plugins, or versions of one, with the same needs share it. It
sees what the gateway's own Python sees, the SDK with it, behind what was installed in it. Only wheels are installed, so
nothing that a package brings is run. The installer is uv where it is on the path, and pip elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog

from servehttp.errors import BundleError, DependencyError
from servehttp.plugins.requirements import Needs, read_needs
from servehttp.plugins.wheels import show_wheels, wheels_of
from servehttp.settings.kinds import Source

FOLDER = "environments"
COMPLETE = "complete"
"""A file in an environment that is ready for use."""
SHARED = "servehttp.pth"
SHOWN_LINES = 5
"""Last lines of the installer that are told where it fails."""

log = structlog.get_logger("servehttp.plugins")


class VirtualEnvironments:
    """The environments of a gateway.

    Args:
        data_dir: where they lie, in a folder of their own.
        source: where packages come from: "bundled" is from wheels in the plugin's folder alone, "always" from the index
            that pip is configured for as well, "never" that nothing is installed.
        timeout: seconds that an installation may take.
    """

    def __init__(self, data_dir: Path, source: Source, timeout: float) -> None:
        self._folder = data_dir.absolute() / FOLDER
        self._source = source
        self._timeout = timeout

    def interpreter(self, folder: Path) -> Path | None:
        """The Python for an installed plugin; None where it needs nothing, or nothing is ever installed.

        Raises:
            DependencyError: what it needs is not installed.
            BundleError: what it needs cannot be read.
        """
        environment = self._of(folder)
        if environment is None:
            return None
        if not (environment / COMPLETE).exists():
            raise DependencyError("what it needs is not installed; install it anew")
        return environment / "bin" / "python"

    async def prepare(self, folder: Path) -> None:
        """Install what a plugin needs, unless that was done before; what fails leaves nothing.

        Raises:
            DependencyError: that is not possible.
            BundleError: what it needs cannot be read.
        """
        environment = await asyncio.to_thread(self._of, folder)
        if environment is None or (environment / COMPLETE).exists():
            return
        needs = await asyncio.to_thread(read_needs, folder)
        log.info("installing dependencies", requirements=list(needs.lines))
        await asyncio.to_thread(_make_room, environment)
        try:
            await self._install(environment, needs, wheels_of(folder))
            (environment / COMPLETE).touch()
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, environment, True)
            raise

    def keep(self, folders: Iterable[Path]) -> None:
        """Delete all environments but those of the plugins in these folders. Blocks."""
        if not self._folder.is_dir():
            return
        kept: set[Path | None] = set()
        for folder in folders:
            with contextlib.suppress(BundleError, OSError):  # what cannot be read cannot be started either
                kept.add(self._of(folder))
        for environment in self._folder.iterdir():
            if environment not in kept:
                shutil.rmtree(environment, ignore_errors=True)

    def _of(self, folder: Path) -> Path | None:
        needs = Needs() if self._source == "never" else read_needs(folder)
        return self._folder / _key(needs, wheels_of(folder)) if needs.lines else None

    async def _install(self, environment: Path, needs: Needs, wheels: list[Path]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder)
            where = await asyncio.to_thread(_sources, wheels, self._source, told)
            (told / "requirements.txt").write_text("\n".join(needs.lines) + "\n", encoding="utf-8")
            uv = shutil.which("uv")
            await self._run(sys.executable, "-m", "venv", *(("--without-pip",) if uv else ()), str(environment))
            await asyncio.to_thread(_share, environment)
            python = str(environment / "bin" / "python")
            install = (
                (uv, "pip", "install", "--python", python) if uv else (python, "-m", "pip", "install", "--no-input")
            )
            requirements = ("--requirement", str(told / "requirements.txt"))
            await self._run(*install, "--quiet", "--only-binary", ":all:", *where, *requirements)

    async def _run(self, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout):
                output, _ = await process.communicate()
        except TimeoutError:
            raise DependencyError(f"its dependencies were not installed within {self._timeout:g} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # what it has started as well
                await process.wait()
        if process.returncode != 0:
            lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
            raise DependencyError(f"its dependencies cannot be installed: {' | '.join(lines[-SHOWN_LINES:])}")


def _key(needs: Needs, wheels: list[Path]) -> str:
    """What an environment is named after: all that decides what is in it."""
    digest = hashlib.sha256()
    for text in (sys.implementation.cache_tag or "", sysconfig.get_platform(), sys.prefix, *needs.lines):
        digest.update(text.encode() + b"\n")
    for wheel in wheels:
        digest.update(wheel.name.encode() + b"\n")
        with wheel.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


def _sources(wheels: list[Path], source: Source, told: Path) -> list[str]:
    """The installer's options that say where packages come from; in a folder of its own it is shown the wheels."""
    brought = []
    if wheels:
        show_wheels(wheels, told / "wheels")
        brought = ["--find-links", str(told / "wheels")]
    return brought + (["--no-index"] if source == "bundled" else [])


def _make_room(environment: Path) -> None:
    environment.parent.mkdir(parents=True, exist_ok=True)
    os.chmod(environment.parent, 0o755)  # plugins may run as other users
    shutil.rmtree(environment, ignore_errors=True)  # what was interrupted


def _share(environment: Path) -> None:
    """Have the environment see what this Python sees, behind its own."""
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    own = [path for path in site.getsitepackages() if Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})" for path in own]
    (Path(paths["purelib"]) / SHARED).write_text("\n".join(lines) + "\n")
