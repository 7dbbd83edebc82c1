"""How much of a form is taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may have; beyond it, `FormTooLarge`.

    Attributes:
        parts: how many fields and files.
        name_size: bytes of a part's name in an urlencoded form.
        headers: how many headers a part of a multipart form has.
        header_size: bytes of one of them.
        field_size: bytes of a part that is no file; None for any number.
        file_size: bytes of a file; None for any number, as it is never held whole.
        size: bytes of the whole body; None for any number.
    """

    parts: int = 1000
    name_size: int = 4096
    headers: int = 8
    header_size: int = 4096
    field_size: int | None = 1024 * 1024
    file_size: int | None = None
    size: int | None = None
