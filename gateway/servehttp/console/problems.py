"""Why the console does not do what was asked, as whoever asked is told."""

from __future__ import annotations

from http import HTTPStatus


class Problem(Exception):
    """Something that cannot be done.

    Attributes:
        status: of the answer.
        message: a sentence or two, for people.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = int(status)
        self.message = message


def not_signed_in() -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, "You are not signed in.")


def not_for_you() -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "The console is for administrators of the system.")


def forged() -> Problem:
    text = "This did not come from a page of the console, or that page is too old. Open it again, and try once more."
    return Problem(HTTPStatus.FORBIDDEN, text)


def no_such(what: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"There is no such {what}.")


def not_here() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "There is nothing here.")


def unavailable(message: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, message)
