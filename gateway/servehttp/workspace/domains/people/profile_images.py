"""Users' profile images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.base.images import mime_type, plain_image
from servehttp.workspace.errors import invalid
from servehttp.workspace.store.rows import changed, insert, scalar
from servehttp.workspace.store.tables.users import profile_images as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.people.users import Users


class ProfileImages(Domain):
    """Profile images; who has set none has one made from the id."""

    users: Users

    async def get(self, user_id: str) -> bytes:
        """A user's image file.

        Raises:
            AppFailure: 404, there is no such user.
        """
        async with self.db.reading() as tx:
            user = await self.users.get(user_id)
            image: bytes | None = await scalar(tx, select(table.c.image).where(table.c.user_id == user_id))
        return plain_image(user.id) if image is None else image

    async def set(self, user_id: str, data: bytes) -> None:
        """Replace a user's image.

        Raises:
            AppFailure: 404, there is no such user; 400, it is no image, or too large.
        """
        kind = mime_type(data)
        if not kind or len(data) > self.settings.max_file_size:
            raise invalid(
                "api.user.upload_profile_user.decode.app_error",
                "This is no image, or too large.",
                where="SetProfileImage",
            )
        async with self.db.transaction() as tx:
            await self.reset(user_id)
            now = self.now()
            row = {"user_id": user_id, "image": data, "mime_type": kind, "update_at": now}
            await insert(tx, table, row)
            await self.users.touch(user_id, last_picture_update=now, update_at=now)
            self.publish("user_updated", {"user_id": user_id})

    async def reset(self, user_id: str) -> None:
        """Go back to the image made from the id.

        Raises:
            AppFailure: 404, there is no such user.
        """
        async with self.db.transaction() as tx:
            await self.users.get(user_id)
            await changed(tx, table.delete().where(table.c.user_id == user_id))
            await self.users.touch(user_id, last_picture_update=0, update_at=self.now())
