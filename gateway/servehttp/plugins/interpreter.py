"""Which Python runs a plugin, and whether it is of the version that the plugin's manifest asks for.

The interpreter is that of the virtual environment in the plugin's folder, `venv` or `.venv`, else the one that runs
the gateway.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from servehttp.errors import InterpreterError
from servehttp.plugins.users import User

VERSION_TIMEOUT = 10.0
"""Seconds an interpreter has to say its version."""

_VENV_FOLDERS = ("venv", ".venv")
_POSIX_NAMES = ("bin/python", "bin/python3")
_WINDOWS_NAMES = ("Scripts/python.exe",)
_OWN_PATH = os.path.realpath(sys.executable)
_OWN_VERSION = "{}.{}.{}".format(*sys.version_info)
_ASK_VERSION = "import sys; print('{}.{}.{}'.format(*sys.version_info))"
_ASK_DEBUGGER = "import importlib.util; print(importlib.util.find_spec('debugpy') is not None)"
_LONGEST_ANSWER = 100

_known_versions: dict[tuple[str, int], Version] = {}
"""What interpreters said, by their real path and time of change."""


def find_interpreter(folder: Path, default: str | Path = sys.executable) -> Path:
    """The interpreter for the plugin in a folder, as an absolute path.

    A symbolic link is not followed: the path it has in a virtual environment is what makes Python use that environment.
    Where an environment is there and none of its interpreters can be executed, it is the first of those: the plugin's
    packages are in that environment, and whoever runs it is told that it is broken.

    Args:
        folder: the plugin's folder.
        default: the interpreter where the folder has no virtual environment with one.
    """
    names = _WINDOWS_NAMES if os.name == "nt" else _POSIX_NAMES
    there = [path for venv in _VENV_FOLDERS for name in names if os.path.lexists(path := folder / venv / name)]
    good = (path for path in there if path.is_file() and os.access(path, os.X_OK))
    return next(good, next(iter(there), Path(default))).absolute()


def parse_version_spec(text: str) -> SpecifierSet:
    """Read a manifest's `server.python_version`.

    A bare version means itself and what it begins: "3.11" is any 3.11.x. "3.11+" is that or newer. Anything else is a
    version specifier such as ">=3.10,<3.14". An empty text accepts every version.

    Raises:
        ValueError: the text is none of these.
    """
    text = text.strip()
    try:
        if text.endswith("+"):
            return SpecifierSet(f">={Version(text[:-1])}")
        if text[:1].isdigit():
            return SpecifierSet("==" + _with_wildcard(text))
        return SpecifierSet(text)
    except (InvalidSpecifier, InvalidVersion) as error:
        raise ValueError(f"{text!r} is not a Python version") from error


async def check_version(
    interpreter: Path,
    spec: str,
    *,
    timeout: float = VERSION_TIMEOUT,
    user: User | None = None,
    environment: Mapping[str, str] | None = None,
) -> Version:
    """Make sure that an interpreter is of a version that a plugin asks for.

    Args:
        interpreter: the interpreter's path.
        spec: what `parse_version_spec` reads.
        timeout: seconds the interpreter has to say its version.
        user: who asks it, for it may be any program; None for our own user.
        environment: all of its environment; without it ours.

    Returns:
        The interpreter's version.

    Raises:
        InterpreterError: it is of another version, or does not run.
    """
    version = await find_version(interpreter, timeout, user, environment)
    if not parse_version_spec(spec).contains(version, prereleases=True):
        raise InterpreterError(
            interpreter,
            f"is Python {version}, but the plugin asks for {spec.strip()}",
            "make a venv in the plugin's folder with such a Python, or change server.python_version",
        )
    return version


async def check_debugger(
    interpreter: Path, *, timeout: float, user: User | None, environment: Mapping[str, str] | None
) -> None:
    """Make sure that an interpreter has debugpy; the arguments are those of `check_version`.

    Raises:
        InterpreterError: it has not, or does not run.
    """
    command = (str(interpreter), "-c", _ASK_DEBUGGER)
    try:
        found = await _ask(user.command(command) if user is not None else command, environment, timeout)
    except OSError as error:
        raise _broken(interpreter, f"cannot be run: {error.strerror or error}") from error
    if found.strip() != str(True):
        remedy = f"install it there: {interpreter} -m pip install debugpy"
        raise InterpreterError(interpreter, "has no debugpy, under which the plugin is to run", remedy)


def debugger_options(port: int) -> tuple[str, ...]:
    """What stands before a script, or its `-m`, to run it under debugpy.

    Args:
        port: of 127.0.0.1, where the debugger connects.
    """
    return ("-X", "frozen_modules=off", "-m", "debugpy", "--listen", f"127.0.0.1:{port}")


async def find_version(
    interpreter: Path, timeout: float, user: User | None, environment: Mapping[str, str] | None
) -> Version:
    """An interpreter's version. It is started only if it is not the gateway's own and was not asked before.

    Raises:
        InterpreterError: it does not run, or says no version in time.
    """
    try:
        key = _identify(interpreter)
        if key[0] == _OWN_PATH:
            return Version(_OWN_VERSION)
        if key not in _known_versions:
            _known_versions[key] = Version(await _ask(_command(interpreter, user), environment, timeout))
    except TimeoutError as error:
        raise _broken(interpreter, f"did not say its version within {timeout:g} s") from error
    except OSError as error:
        raise _broken(interpreter, f"cannot be run: {error.strerror or error}") from error
    except ValueError as error:
        raise _broken(interpreter, "did not say its version") from error
    return _known_versions[key]


def _identify(interpreter: Path) -> tuple[str, int]:
    return os.path.realpath(interpreter), interpreter.stat().st_mtime_ns


def _command(interpreter: Path, user: User | None) -> tuple[str, ...]:
    command = (str(interpreter), "-I", "-S", "-c", _ASK_VERSION)
    return user.command(command) if user is not None else command


async def _ask(command: tuple[str, ...], environment: Mapping[str, str] | None, timeout: float) -> str:
    # Read only once it has ended: a pipe nobody reads blocks whatever floods it, until the time is over.
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    try:
        try:
            await asyncio.to_thread(_run, command, environment, write_end, timeout)
        finally:
            os.close(write_end)
        return os.read(read_end, _LONGEST_ANSWER).decode("ascii")
    finally:
        os.close(read_end)


def _run(command: tuple[str, ...], environment: Mapping[str, str] | None, output: int, timeout: float) -> None:
    """In a thread, because some event loops start processes by a real fork, which gRPC does not survive unharmed.

    It gets neither our terminal nor our folder, which it might not reach by itself.
    """
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def _with_wildcard(text: str) -> str:
    base = text.removesuffix(".x").removesuffix(".*")
    return base if base == text and len(Version(base).release) > 2 else f"{base}.*"


def _broken(interpreter: Path, problem: str) -> InterpreterError:
    return InterpreterError(interpreter, problem, "make the plugin's virtual environment anew, or remove its folder")
