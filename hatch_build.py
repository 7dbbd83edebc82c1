"""Compiles the modules on the way of every request with mypyc, for a wheel that is to be fast.

Off unless the build is asked for it (HATCH_BUILD_HOOKS_ENABLE=1): the same modules run as plain Python, only slower.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds an extension module to the wheel for each of the `modules` in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; called by hatchling before it packs the wheel."""
        if version == "editable":
            raise RuntimeError("an editable installation runs from its source files, so nothing of it can be compiled")
        self._output = tempfile.TemporaryDirectory(prefix="servehttp-build-")
        built = compile_modules(self.config["modules"], Path(self.root), Path(self._output.name))
        build_data["force_include"] |= {str(path): name for path, name in built.items()}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Throw away what was made on the way; called by hatchling when the wheel is packed."""
        self._output.cleanup()


def compile_modules(modules: list[str], root: Path, output: Path) -> dict[Path, str]:
    """The extension modules made, each with its place in the wheel."""
    # Here, because only a build that compiles has them installed.
    from mypyc.build import mypycify
    from setuptools import Distribution

    os.chdir(root)
    os.environ["MYPYPATH"] = os.pathsep.join(("sdk", "gateway"))
    # `make lint` checks types; what the modules import need not be installed here.
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    extensions = mypycify([*options, *modules], opt_level="3", target_dir=str(output / "c"), group_name="servehttp")
    runtime = mended_runtime(output / "runtime")
    for extension in extensions:
        extension.include_dirs.insert(0, str(runtime))
    command = Distribution({"name": "servehttp", "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(output / "lib"), str(output / "temp")
    command.ensure_finalized()
    command.run()
    return {Path(path): str(Path(path).relative_to(command.build_lib)) for path in command.get_outputs()}


OLD_THROW = "PyObject_CallFunctionObjArgs(_m, type, value, traceback, NULL)"
NEW_THROW = "PyObject_CallOneArg(_m, value)"


def mended_runtime(folder: Path) -> Path:
    """A folder with the part of mypyc's runtime that passes exceptions on to what a coroutine awaits.

    mypyc calls `throw` with three arguments, which warns since Python 3.12. Where warnings are errors, the warning
    takes the exception's place: a time-out or a cancellation becomes a failure. One argument means the same.
    """
    from mypyc.build import include_dir

    source = (Path(include_dir()) / "misc_ops.c").read_text(encoding="utf-8")
    if OLD_THROW not in source:
        raise RuntimeError("this mypyc passes exceptions on in another way: see whether it needs mending still")
    folder.mkdir()
    (folder / "misc_ops.c").write_text(source.replace(OLD_THROW, NEW_THROW), encoding="utf-8")
    return folder
