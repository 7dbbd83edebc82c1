"""What can be wrong with a form. Starlette and FastAPI answer with these by themselves."""

from __future__ import annotations

from starlette.exceptions import HTTPException


class FormError(HTTPException):
    """A form that is not taken; its `detail` says why, and is for the client."""


class MalformedForm(FormError):
    """400: the body is no form, or ends too early."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class FormTooLarge(FormError):
    """413: the form, or a part of it, is larger than is taken."""

    def __init__(self, detail: str) -> None:
        super().__init__(413, detail)
