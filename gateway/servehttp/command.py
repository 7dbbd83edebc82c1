"""The entry point of `servehttp` and `python -m servehttp`: says in one line what to install where that is missing."""

from __future__ import annotations

import gc
import importlib
import sys

OURS = ("servehttp", "mattermost_plugin")


def main() -> None:
    """Run the command.

    The collector looks neither through what is imported, nor through what there is at the end, which the interpreter
    would have it do three times: together a third of what a short command takes.
    """
    try:
        gc.disable()
        run = importlib.import_module("servehttp.cli").main
        gc.enable()
        run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        sys.exit(
            f"error: the gateway needs {error.name}, which is not installed: pip install 'servehttp[workspace]', "
            "or 'servehttp[gateway]' for one without users, hooks and REST API"
        )
    finally:
        gc.freeze()
