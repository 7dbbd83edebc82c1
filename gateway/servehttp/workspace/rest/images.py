"""Images in answers."""

from __future__ import annotations

from starlette.responses import Response

from servehttp.workspace.domains.base.images import mime_type


def image_response(data: bytes) -> Response:
    """An answer that is an image, which a browser takes for nothing else."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=86400"}
    return Response(data, media_type=mime_type(data) or "application/octet-stream", headers=headers)
