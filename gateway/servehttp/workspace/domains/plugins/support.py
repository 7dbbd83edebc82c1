"""What somebody needs who helps from afar: the configuration, and what plugins have to say."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mattermost_plugin.models import FileData
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.hooks import HookFailed

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.plugins.plugins import Plugins

CONFIG = "sanitized_config.json"
WARNINGS = "warning.txt"


class Support(Domain):
    """Support packets."""

    config: Config
    plugins: Plugins

    async def packet(self) -> bytes:
        """A zip file of the configuration without its secrets, and in a folder for each plugin what it gives for this
        by GenerateSupportData. What went wrong is in one more file, as in Mattermost."""
        files = {CONFIG: json.dumps(await self.config.sanitized(self.plugins.is_secret), indent=2).encode()}
        warnings = []
        for plugin_id, answer in (await self.hooks.ask_each("GenerateSupportData", self.request)).items():
            if isinstance(answer, HookFailed):
                warnings.append(str(answer))
                continue
            if answer.HasField("error"):
                warnings.append(f"plugin {plugin_id}: {answer.error.message}")
            for file in map(FileData.from_proto, answer.files):
                files[f"{plugin_id}/{_name(file)}"] = file.data
        if warnings:
            files[WARNINGS] = "".join(f"{warning}\n" for warning in warnings).encode()
        return await asyncio.to_thread(_zip, files)


def _name(file: FileData) -> str:
    """A name that leads nowhere else when the packet is unpacked."""
    return PurePosixPath(file.filename.replace("\\", "/")).name or "unnamed"


def _zip(files: dict[str, bytes]) -> bytes:
    packet = io.BytesIO()
    with zipfile.ZipFile(packet, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packet.getvalue()
