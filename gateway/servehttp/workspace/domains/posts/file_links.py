"""Links by which anyone can read a file."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from mattermost_plugin.models import FileInfo
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.store.rows import insert, scalar
from servehttp.workspace.store.tables.system import system

if TYPE_CHECKING:
    from servehttp.workspace.domains.base.config import Config
    from servehttp.workspace.domains.posts.files import Files

SECRET = "PublicLinkSalt"
"""The name under which the workspace keeps what its links are signed with."""


class FileLinks(Domain):
    """Public links, where the configuration permits them. A link holds until its file is deleted."""

    config: Config
    files: Files

    async def make(self, file_id: str) -> str:
        """The link of a file.

        Raises:
            AppFailure: 501, public links are switched off; 404; 400, no post shows the file yet.
        """
        info = await self._linkable(file_id)
        if not info.post_id:
            raise invalid("plugin_api.get_file_link.no_post.app_error", "No post shows the file.", where="GetFileLink")
        site = (await self.config.section("ServiceSettings"))["SiteURL"].rstrip("/")
        return f"{site}/files/{info.id}/public?h={await self._signature(info.id)}"

    async def read(self, file_id: str, signature: str) -> FileInfo:
        """The file of a link.

        Raises:
            AppFailure: 501, public links are switched off; 404; 400, the link is not one of ours.
        """
        info = await self._linkable(file_id)
        if not hmac.compare_digest((await self._signature(file_id)).encode(), signature.encode()):
            raise invalid(
                "api.file.get_file.public_invalid.app_error", "This link is not valid.", where="GetPublicFile"
            )
        return info

    async def _linkable(self, file_id: str) -> FileInfo:
        if not (await self.config.section("FileSettings"))["EnablePublicLink"]:
            raise AppFailure(
                "plugin_api.get_file_link.disabled.app_error",
                "Public links are switched off.",
                501,
                where="GetFileLink",
            )
        return await self.files.get(file_id)

    async def _signature(self, file_id: str) -> str:
        secret = await self._secret()
        digest = hmac.digest(secret.encode(), file_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    async def _secret(self) -> str:
        async with self.db.transaction() as tx:
            secret: str | None = await scalar(tx, select(system.c.value).where(system.c.name == SECRET))
            if secret is None:
                secret = secrets.token_urlsafe(32)
                await insert(tx, system, {"name": SECRET, "value": secret})
        return secret
