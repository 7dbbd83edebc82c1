"""What a team must be like, and whom it lets in."""

from __future__ import annotations

import re
from dataclasses import replace

from mattermost_plugin.models import Team, User
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.validation import is_email

NAME_MIN = 2
NAME_MAX = 64
LONGEST = {"description": 255, "company_name": 64, "allowed_domains": 500}
"""Characters."""
ERROR_NAMES = {"company_name": "company", "allowed_domains": "domains"}
"""How Mattermost's error ids name fields, where it is not the field's name."""
RESERVED = (
    "admin", "api", "channel", "claim", "error", "files", "help", "landing", "login", "mfa", "oauth", "plug",
    "plugins", "post", "signup", "boards", "playbooks",
)  # fmt: skip
"""What a team's name may not begin with, because addresses do."""

_NAME = re.compile(r"[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])", re.ASCII)


def normalised(team: Team) -> Team:
    """The team without blanks around its names."""
    return replace(team, name=team.name.strip(), display_name=team.display_name.strip())


def check_team(team: Team) -> None:
    """Accept a team.

    Raises:
        AppFailure: 400, `model.team.is_valid.FIELD.app_error`.
    """
    if not 0 < len(team.display_name) <= NAME_MAX:
        raise _malformed("name", team)
    if len(team.name) > NAME_MAX:
        raise _malformed("url", team)
    if team.name.startswith(RESERVED):
        raise _malformed("reserved", team)
    if len(team.name) < NAME_MIN or not _NAME.fullmatch(team.name):
        raise _malformed("characters", team)
    if team.type not in ("O", "I"):
        raise _malformed("type", team)
    if team.email and not is_email(team.email):
        raise _malformed("email", team)
    for field, longest in LONGEST.items():
        if len(getattr(team, field)) > longest:
            raise _malformed(ERROR_NAMES.get(field, field), team)


def check_domain(team: Team, user: User) -> None:
    """Accept a user whose address is in one of the team's domains, if it has any. Bots may join any team.

    Raises:
        AppFailure: 400.
    """
    domains = re.findall(r"[^@,\s]+", team.allowed_domains.lower())
    if domains and not user.is_bot and not user.email.endswith(tuple(f"@{domain}" for domain in domains)):
        raise invalid(
            "api.team.join_user_to_team.allowed_domains.app_error",
            "The team does not allow addresses of this domain.",
            where="JoinUserToTeam",
        )


def _malformed(field: str, team: Team) -> AppFailure:
    return invalid(
        f"model.team.is_valid.{field}.app_error",
        f"The team is not valid: {field}.",
        where="Team.IsValid",
        detail=f"id={team.id}",
    )
