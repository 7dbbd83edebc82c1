"""Serves an application that has no script of its own: `python -m mattermost_plugin MODULE:ATTRIBUTE`.

The attribute is an ASGI application, or a plugin's class. A host runs this for a manifest that names `server.app`; by
hand it takes `--listen` as a plugin's script does.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Any

from mattermost_plugin.plugin import Plugin
from mattermost_plugin.process.running import run_plugin


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m mattermost_plugin", description=__doc__, allow_abbrev=False)
    parser.add_argument("app", metavar="MODULE:ATTRIBUTE", help="an ASGI application, or a plugin's class")
    run_plugin(plugin_of(parser.parse_known_args()[0].app))


def plugin_of(name: str) -> type[Plugin]:
    """The plugin that serves what is named.

    Raises:
        SystemExit: it is not there, or is neither an application nor a plugin's class; the text says which.
        Exception: whatever the module raises when it is imported.
    """
    module_name, _, path = name.partition(":")
    if not path:
        sys.exit(f"{name!r} names no application: write MODULE:ATTRIBUTE, such as site:app")
    found = _find(module_name, path)
    if isinstance(found, type) and issubclass(found, Plugin):
        return found
    if not callable(found):
        sys.exit(f"{name} is {found!r:.100}, which is neither an ASGI application nor a plugin's class")
    return type(module_name.rpartition(".")[2], (Plugin,), {"app": found, "__module__": module_name})


def _find(module_name: str, path: str) -> Any:
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # it is there, and lacks another
        sys.exit(f"there is no module {module_name} for {module_name}:{path}")
    for name in path.split("."):
        if not hasattr(found, name):
            sys.exit(f"{module_name} has no {path}")
        found = getattr(found, name)
    return found


if __name__ == "__main__":
    main()
