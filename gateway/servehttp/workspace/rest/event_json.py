"""What a WebSocket says, as Mattermost writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from servehttp.workspace.errors import AppFailure
from servehttp.workspace.events import Event
from servehttp.workspace.rest.errors import error_json
from servehttp.workspace.rest.json import to_json

AS_OBJECTS = frozenset({"user", "plugin_statuses", "manifest"})
"""Data that is JSON in the event's JSON. All other models are texts of JSON there."""


def event_json(event: Event, sequence: int) -> str:
    """An event, as the one with this number on a connection."""
    found = {"event": event.name, "data": event_data(event), "broadcast": to_json(event.broadcast), "seq": sequence}
    return json.dumps(found, separators=(",", ":"))


def event_data(event: Event) -> dict[str, Any]:
    """What happened, as JSON values; those of an event that has them already stay as they are."""
    return {name: _datum(name, value) for name, value in event.data.items()}


def reply_json(sequence: int, data: Mapping[str, Any] | None = None) -> str:
    """What a client is told whose message was good."""
    reply: dict[str, Any] = {"status": "OK", "seq_reply": sequence}
    return json.dumps(reply if data is None else reply | {"data": to_json(data)}, separators=(",", ":"))


def failure_json(sequence: int, failure: AppFailure) -> str:
    """What a client is told whose message was not."""
    reply = {"status": "FAIL", "error": error_json(failure, ""), "seq_reply": sequence}
    return json.dumps(reply, separators=(",", ":"))


def _datum(name: str, value: Any) -> Any:
    made = to_json(value)
    return json.dumps(made) if name not in AS_OBJECTS and _has_models(value) else made


def _has_models(value: Any) -> bool:
    return is_dataclass(value) or (isinstance(value, list | tuple) and any(map(_has_models, value)))
