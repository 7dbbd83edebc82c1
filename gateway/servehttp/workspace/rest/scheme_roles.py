"""Roles of members as clients set them: by flags."""

from __future__ import annotations

from typing import Any

from servehttp.workspace.errors import invalid


def scheme_roles(body: dict[str, Any], scope: str) -> str:
    """The names of the roles that the flags of a body stand for.

    Raises:
        AppFailure: 400, there is none.
    """
    names = [f"{scope}_{name}" for name in ("guest", "user", "admin") if body.get(f"scheme_{name}") is True]
    if not names:
        raise invalid("api.context.invalid_body_param.app_error", "A member has a role.", Name="scheme_user")
    return " ".join(names)
