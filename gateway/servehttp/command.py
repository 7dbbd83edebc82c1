"""The entry point of `servehttp` and `python -m servehttp`: says in one line what to install where that is missing."""

from __future__ import annotations

import importlib
import sys

OURS = ("servehttp", "mattermost_plugin")


def main() -> None:
    """Run the command."""
    try:
        importlib.import_module("servehttp.cli").main()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        sys.exit(
            f"error: the gateway needs {error.name}, which is not installed: pip install 'servehttp[workspace]', "
            "or 'servehttp[gateway]' for one without users, hooks and REST API"
        )
