"""Compiles the modules on the way of every request with mypyc, when a wheel is built where there is a C compiler.

The same modules run as plain Python, only slower: without a compiler the wheel is a pure one. BUILD_SERVEHTTP chooses:
`pure` does not compile, `compiled` fails where nothing can be compiled.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import shlex
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CHOICE = "BUILD_SERVEHTTP"
CHOICES = ("", "pure", "compiled")

TYPE_CHECK = """\
[mypy]
ignore_missing_imports = True
follow_imports = silent
[mypy-mattermost_plugin,servehttp]
follow_imports = skip
"""
"""`make lint` checks types, so what the modules import need not be installed; and the packages themselves, which import
the rest of the project for type checkers, are left out, for that took longer than all that is compiled."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds an extension module to the wheel for each of the `modules` in pyproject.toml."""

    def dependencies(self) -> list[str]:
        """What a build that compiles needs; asked for by hatchling before it has them."""
        return [] if reason_for_pure() else list(self.config["needs"])

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; called by hatchling before it packs the wheel.

        Raises:
            RuntimeError: it could not be compiled, or cannot be and has to.
        """
        self._output = tempfile.TemporaryDirectory(prefix="servehttp-build-")
        reason = reason_for_pure(editable=version == "editable")
        if not reason:
            self._compile(build_data)
        elif choice() == "compiled":
            raise RuntimeError(f"{CHOICE}=compiled, but {reason}")
        else:
            self.app.display_warning(f"servehttp is built as pure Python, which is half as fast: {reason}")

    def _compile(self, build_data: dict[str, Any]) -> None:
        output = Path(self._output.name)
        try:
            built = compile_modules(self.config["modules"], Path(self.root), output)
        except (Exception, SystemExit) as error:  # mypyc's way to fail is to say why and to exit
            raise RuntimeError(f"compiling failed, as told above; {CHOICE}=pure does without") from error
        build_data["force_include"] |= {str(path): name for path, name in built.items()}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["sbom_files"].append(str(bill_of_materials(output)))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Throw away what was made on the way; called by hatchling when the wheel is packed."""
        self._output.cleanup()


def choice() -> str:
    """What the environment asks for; empty if nothing.

    Raises:
        ValueError: there is no such choice.
    """
    chosen = os.environ.get(CHOICE, "")
    if chosen not in CHOICES:
        raise ValueError(f"{CHOICE} is {chosen!r}: choose pure or compiled")
    return chosen


def reason_for_pure(*, editable: bool = False) -> str:
    """Why nothing is compiled here; empty if it is."""
    if choice() == "pure":
        return f"{CHOICE} says so"
    if editable:
        return "an editable installation runs from its source files"
    return missing_tool()


def missing_tool() -> str:
    """What a compilation lacks on this machine, in words; empty if nothing."""
    if sys.implementation.name != "cpython":
        return "mypyc compiles for CPython alone"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler {compiler} (Debian: gcc)"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "Python's headers are missing (Debian: python3-dev)"
    return ""


def compile_modules(modules: Sequence[str], root: Path, output: Path) -> dict[Path, str]:
    """The extension modules made, each with its place in the wheel."""
    from mypyc.build import mypycify  # here, because only a build that compiles has it installed

    os.chdir(root)
    os.environ["MYPYPATH"] = os.pathsep.join(("sdk", "gateway"))
    config = output / "mypy.ini"
    config.write_text(TYPE_CHECK, encoding="utf-8")
    extensions = mypycify(
        [f"--config-file={config}", *modules],
        opt_level="2",
        debug_level="0",
        multi_file=True,
        target_dir=str(output / "c"),
        group_name="servehttp",
    )
    gc.freeze()  # the collector would look at all that mypy leaves several times at exit: ten seconds
    mend_runtime(output / "c" / "misc_ops.c")
    return build(extensions, output)


def build(extensions: list[Any], output: Path) -> dict[Path, str]:
    """Run the C compiler, once for each core at a time."""
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    class ParallelBuild(build_ext):  # type: ignore[misc]
        """Compiles the files of an extension side by side; setuptools alone does so with extensions."""

        def build_extensions(self) -> None:
            one_by_one = self.compiler.compile

            def side_by_side(sources: list[str], **options: Any) -> list[str]:
                with ThreadPoolExecutor(os.cpu_count()) as pool:
                    compiled = pool.map(lambda source: one_by_one([source], **options), sources)
                    return [path for paths in compiled for path in paths]

            self.compiler.compile = side_by_side
            super().build_extensions()

    command = ParallelBuild(Distribution({"name": "servehttp", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(output / "lib"), str(output / "temp")
    command.parallel = os.cpu_count()
    command.ensure_finalized()
    command.run()
    return {Path(path): str(Path(path).relative_to(command.build_lib)) for path in command.get_outputs()}


def bill_of_materials(folder: Path) -> Path:
    """A CycloneDX file that names what of others is compiled into the extension modules."""
    mypy = importlib.metadata.version("mypy")
    component = {
        "type": "library",
        "name": "mypy",
        "version": mypy,
        "description": "mypyc's C runtime, lib-rt",
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": f"pkg:pypi/mypy@{mypy}",
    }
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
    file = folder / "servehttp.cdx.json"
    file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return file


OLD_THROW = "PyObject_CallFunctionObjArgs(_m, type, value, traceback, NULL)"
NEW_THROW = "PyObject_CallOneArg(_m, value)"


def mend_runtime(source: Path) -> None:
    """Mend the part of mypyc's runtime that passes exceptions on to what a coroutine awaits.

    mypyc calls `throw` with three arguments, which warns since Python 3.12. Where warnings are errors, the warning
    takes the exception's place: a time-out or a cancellation becomes a failure. One argument means the same.

    Raises:
        RuntimeError: it is not what it was when this was written.
    """
    text = source.read_text(encoding="utf-8")
    if OLD_THROW not in text:
        raise RuntimeError("this mypyc passes exceptions on in another way: see whether it needs mending still")
    source.write_text(text.replace(OLD_THROW, NEW_THROW), encoding="utf-8")
