"""Whether a plugin starts: its process is started up to its handshake, which is before its OnActivate, and ended."""

from __future__ import annotations

from pathlib import Path

from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.errors import ManifestError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.manifest import Manifest
from servehttp.plugins.process import PluginProcess
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.requirements import REQUIREMENTS
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.traces import Cause
from servehttp.settings.gateway import GatewaySettings


async def try_start(manifest: Manifest, settings: GatewaySettings) -> None:
    """Start a plugin far enough to see that it can be served.

    Raises:
        ManifestError: it cannot; the error names file and line where the plugin's last words do.
        InterpreterError: its interpreter cannot be used.
    """
    reaper = Reaper()
    await reaper.start()
    try:
        process = await PluginProcess.launch(PluginFactory(settings, TunnelSettings(), reaper).spec(manifest), reaper)
        try:
            await process.ready(settings.plugins.start_timeout)
        finally:
            await process.stop(settings.plugins.stop_timeout)
    except RunnerError as error:
        cause = error.cause
        if cause is None or cause.file is None:
            raise ManifestError(manifest.script, "", f"does not start: {error}", "see what it says") from None
        raise ManifestError(cause.file, f"line {cause.line}", cause.error, _remedy(cause, manifest.folder)) from None
    finally:
        await reaper.stop()


def _remedy(cause: Cause, folder: Path) -> str:
    needed = folder / REQUIREMENTS
    if cause.lacks_package and needed.exists():
        return f"what it needs may not be installed: pip install -r {needed}"
    return "correct the Python"
