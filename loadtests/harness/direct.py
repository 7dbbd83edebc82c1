"""The applications of examples/bench and examples/streaming for an ASGI server alone, at the paths of the gateway.

Each sees the `root_path` that it sees as a plugin, so that one load test fits all sides.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from mattermost_plugin.types import Receive, Scope, Send

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APPLICATIONS: dict[str, Any] = {
    "/plugins/com.example.bench": _load("bench_app", EXAMPLES / "bench/app.py").app,
    "/plugins/com.example.streaming": _load("streaming_plugin", EXAMPLES / "streaming/plugin.py")
    .Streaming()
    .asgi_app(),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that the path begins with."""
    for root_path, application in APPLICATIONS.items():
        if scope["path"].startswith(root_path):
            scope["root_path"] = root_path
            await application(scope, receive, send)
            return
    raise LookupError(f"no application is at {scope['path']}")
