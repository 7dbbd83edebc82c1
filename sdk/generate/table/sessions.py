"""Sessions and personal access tokens."""

from __future__ import annotations

from mattermost_plugin.models import Session, UserAccessToken
from notation import repeatable


@repeatable
def get_session(session_id: str) -> Session:
    """One session by id, its secret token included.

    Raises:
        NotFoundError: there is no such session, or it has ended.
    """


def create_session(session: Session) -> Session:
    """Open a session for a user, and return it with its id and its secret token.

    Args:
        session: the session; `user_id` is needed.

    Raises:
        ValidationError: a field is malformed.
    """


def extend_session_expiry(session_id: str, new_expiry: int) -> None:
    """Set when a session expires.

    Args:
        new_expiry: the new moment, not a duration, in milliseconds since the epoch.

    Raises:
        NotFoundError: there is no such session.
    """


def revoke_session(session_id: str) -> None:
    """End a session: its user is logged out there.

    Raises:
        NotFoundError: there is no such session.
    """


def create_user_access_token(token: UserAccessToken) -> UserAccessToken:
    """Make a personal access token, and return it; nothing else ever shows its secret.

    Args:
        token: the token; `user_id` and `description` are needed.

    Raises:
        NotFoundError: there is no such user.
        ValidationError: a field is missing or malformed.
    """


def revoke_user_access_token(token_id: str) -> None:
    """Delete a token, and end the sessions made with it.

    Args:
        token_id: the token's id, not its secret.

    Raises:
        NotFoundError: there is no such token.
    """
