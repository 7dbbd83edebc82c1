"""The application of app.py as a plugin."""

from __future__ import annotations

from app import app

from mattermost_plugin import Plugin, run_plugin


class Bench(Plugin):
    """Hands every request to the application."""

    app = app


if __name__ == "__main__":
    run_plugin(Bench)
