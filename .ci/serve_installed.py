"""Installs each wheel or sdist that is named into an empty environment, outside this checkout, and serves an example.

Usage: python .ci/serve_installed.py FILE…

Exit codes: 0 all of them serve, wheels in the build that their names promise and sdists as pure Python; 1 one does not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any
from urllib.request import urlopen

EXAMPLE = Path(__file__).parents[1] / "examples" / "hello"
TARGET, EXPECTED = "/plugins/com.example.hello/hello/world", {"hello": "world"}
INSTALL_TIMEOUT, TIMEOUT = 300, 30
"""Seconds."""


def main(files: list[str]) -> int:
    """Try all; returns the exit code."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(pool.map(problem_of, map(Path, files)))
    for file, problem in zip(files, problems, strict=True):
        print(f"{file}: {problem or 'serves'}")
    return 1 if any(problems) else 0


def problem_of(file: Path) -> str:
    """What is wrong with what is installed from a file; empty if nothing."""
    with TemporaryDirectory(prefix="servehttp-installed-") as folder:
        try:
            return try_in(Path(folder), file.resolve())
        except subprocess.SubprocessError as error:
            return f"{error}\n{getattr(error, 'stderr', None) or ''}"


def try_in(folder: Path, file: Path) -> str:
    """Install, serve and ask; returns what is wrong."""
    install(folder / "env", file)
    plugin = shutil.copytree(EXAMPLE, folder / "hello", ignore=shutil.ignore_patterns("__pycache__"))
    expected = "compiled" if is_compiled(file) else "pure"
    with serving(folder, plugin) as record:
        if record.get("build") != expected:
            return f"is {record.get('build')} instead of {expected}"
        with urlopen(record["url"] + TARGET, timeout=TIMEOUT) as answer:
            found = json.load(answer)
    return "" if found == EXPECTED else f"answers {found}"


def is_compiled(file: Path) -> bool:
    """Whether it is a compiled wheel. Of an sdist a pure one is made, which takes seconds."""
    return file.suffix == ".whl" and not file.name.endswith("-none-any.whl")


def install(environment: Path, file: Path) -> None:
    """Make the environment, by uv where it is."""
    uv, what = shutil.which("uv"), f"{file}[gateway]"
    venv.create(environment, with_pip=uv is None)
    python = str(environment / "bin/python")
    command = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    run([*command, "--quiet", what], environment.parent, INSTALL_TIMEOUT)


def run(command: list[str], folder: Path, timeout: int) -> None:
    """Run a program away from the checkout. Raises subprocess.SubprocessError if it fails, or takes too long."""
    env = clean_environment() | {"BUILD_SERVEHTTP": "pure"}
    subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=True)


@contextmanager
def serving(folder: Path, plugin: Path) -> Iterator[dict[str, Any]]:
    """The record that tells that a gateway serves; empty if it ended before."""
    command = [str(folder / "env/bin/servehttp"), "serve", str(plugin), "--port", "0", "--log-format", "json"]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        limit = Timer(TIMEOUT, process.kill)
        limit.start()
        try:
            records = (json.loads(line) for line in process.stderr if line.startswith("{"))
            yield next((record for record in records if record["event"] == "serving"), {})
        finally:
            process.terminate()
            process.stderr.read()
            limit.cancel()


def clean_environment() -> dict[str, str]:
    """This one's, without what could lead to the checkout or set up the gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SERVEHTTP_"))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
