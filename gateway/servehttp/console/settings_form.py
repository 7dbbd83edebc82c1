"""A plugin's settings as a form: what each field is like, and what the form that comes back changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from servehttp.console.problems import Problem

VALUE, DEFAULT = "value:", "default:"
"""How the names of fields begin, before the setting's key."""
KINDS = {
    "bool": "checkbox",
    "number": "number",
    "longtext": "textarea",
    "dropdown": "select",
    "radio": "select",
    "text": "text",
    "generated": "text",
    "username": "text",
}
"""What a setting of a type is edited in; of any other type it is JSON."""
ON = "on"


@dataclass(frozen=True)
class Field:
    """One setting in the form.

    Attributes:
        key: its name.
        label: as the manifest calls it for people.
        help: what it says more.
        kind: what it is edited in: one of the values of `KINDS`, "password" or "json".
        text: what is in there.
        options: of which it is one.
        stored: whether a value is stored; otherwise the default holds.
        default: that one, as text.
    """

    key: str
    label: str
    help: str
    kind: str
    text: str
    options: Sequence[str]
    stored: bool
    default: str

    @property
    def id(self) -> str:
        """What the field is called in the page."""
        return f"setting-{self.key}"


def fields(shown: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The fields of settings as the workspace's API shows them."""
    return [_field(setting) for setting in shown]


def changes(shown: Sequence[Mapping[str, Any]], form: Mapping[str, str]) -> dict[str, Any]:
    """What a form changes, by key; None takes the default again.

    Args:
        shown: the settings as the API shows them.
        form: what came back.

    Raises:
        Problem: 400, a value is none of its kind.
    """
    changed: dict[str, Any] = {}
    for setting in shown:
        key, field = str(setting["key"]), _field(setting)
        if form.get(DEFAULT + key) == ON:
            if setting["stored"]:
                changed[key] = None
            continue
        given = form.get(VALUE + key)
        if field.kind == "checkbox":
            value: Any = given == ON
        elif given is None or (field.kind == "password" and not given):
            continue
        else:
            value = _value(field, given)
        if value != setting["value"]:
            changed[key] = value
    return changed


def _value(field: Field, given: str) -> Any:
    text = given.replace("\r\n", "\n")
    if field.kind == "number":
        try:
            number = json.loads(text)
        except (ValueError, RecursionError):
            number = None
        if not isinstance(number, int | float) or isinstance(number, bool):
            raise Problem(400, f"{field.label} takes a number.")
        return number
    if field.kind == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise Problem(400, f"{field.label} takes JSON, such as a text in quotation marks.") from None
    return text


def _field(setting: Mapping[str, Any]) -> Field:
    kind = KINDS.get(str(setting["type"]), "json")
    if setting["secret"]:
        kind = "password"
    value, default = setting["value"], setting["default"]
    text = _text(value, kind)
    if kind in ("checkbox", "password"):
        text = ON if value is True else ""
    key = str(setting["key"])
    return Field(
        key=key,
        label=str(setting.get("display_name") or key),
        help=str(setting.get("help_text") or ""),
        kind=kind,
        text=text,
        options=[str(option) for option in setting["options"]],
        stored=bool(setting["stored"]),
        default="" if kind == "password" else _text(default, kind),
    )


def _text(value: Any, kind: str) -> str:
    if kind == "json":
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    return "" if value is None else json.dumps(value) if isinstance(value, bool | int | float) else str(value)
