"""Between the SDK's models and JSON as Mattermost writes it: the fields' names are the same, but for a few."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from mattermost_plugin.models import (
    Command,
    CommandResponse,
    FileInfo,
    OAuthApp,
    PluginInfo,
    Post,
    RemoteCluster,
    Session,
    UploadSession,
    User,
    UserAccessToken,
    WebsocketBroadcast,
)
from servehttp.workspace.errors import AppFailure, invalid
from servehttp.workspace.validation import check_count

ModelT = TypeVar("ModelT")

PRIVATE: Mapping[type, frozenset[str]] = {
    Command: frozenset({"token", "url"}),
    OAuthApp: frozenset({"client_secret"}),
    RemoteCluster: frozenset({"token", "remote_token"}),
    Session: frozenset({"token"}),
    UploadSession: frozenset({"path"}),
    User: frozenset({"auth_data", "mfa_secret", "password"}),
    UserAccessToken: frozenset({"token"}),
}
"""What no answer has. A handler that may show a secret says so by putting it in itself."""

RENAMED: Mapping[type, Mapping[str, str]] = {FileInfo: {"creator_id": "user_id"}}
"""Fields that JSON calls something else."""


ATTACHMENTS = "attachments"
INTEGRATION = "integration"
"""Where an action of a post has what the host calls for it."""

DEPTH_MAX = 64
"""How deep lists and objects may lie in one another."""
LIST_MAX = 1000
"""Elements of any list that a client sends; some routes take fewer."""
INT_MAX = 2**53
"""Up to it whole numbers are the same in JSON, in JavaScript and on the wire; which moments and sizes never reach."""
NUL = "\0"
"""The character that PostgreSQL keeps in no text."""


def parse_json(text: bytes | str) -> Any:
    """What JSON says.

    Raises:
        AppFailure: 400, it is no JSON, or has what cannot be kept: half characters, NUL, whole numbers beyond 2^53,
            hundreds of lists in one another.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_int, parse_float=_float)
        _check(value, DEPTH_MAX)
    except (ValueError, RecursionError):
        raise bad_value("body") from None
    return value


def to_json(value: Any) -> Any:
    """A model, or a list or dict of them, as JSON has it; without what is private."""
    if is_dataclass(value):
        write: Callable[[Any], Any] = _EXCEPTIONS.get(type(value), _object)
        return write(value)
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def from_json(kind: type[ModelT], data: Any, name: str = "body") -> ModelT:
    """The model of a JSON object. Unknown names are ignored, and null is as good as nothing; `name` is for the error.

    Raises:
        AppFailure: 400, it is no object, or a field has another type.
    """
    return kind(**values_of(kind, data, name=name))


def values_of(kind: Any, data: Any, names: Collection[str] = (), *, name: str = "body") -> dict[str, Any]:
    """The fields of a model that a JSON object has, of all or of some; for a patch.

    Raises:
        AppFailure: 400, as `from_json`.
    """
    if not isinstance(data, Mapping):
        raise bad_value(name)
    renamed = RENAMED.get(kind, {})
    hints: dict[str, Any] = _hints(kind)
    wanted = {field: renamed.get(field, field) for field in hints if not names or field in names}
    given = {field: data[key] for field, key in wanted.items() if data.get(key) is not None}
    return {field: value_of(hints[field], value, wanted[field]) for field, value in given.items()}


def value_of(hint: Any, value: Any, name: str) -> Any:
    """A JSON value as a type hint wants it; `name` is for the error.

    Raises:
        AppFailure: 400, it is of another type.
    """
    if isinstance(hint, UnionType):
        return value_of(next(choice for choice in get_args(hint) if choice is not NoneType), value, name)
    if isinstance(hint, type) and is_dataclass(hint):
        return from_json(hint, value, name)
    if get_origin(hint) in _CONTAINERS:
        return _CONTAINERS[get_origin(hint)](hint, value, name)
    if hint is bytes:
        return _bytes(value, name)
    if hint is not Any and type(value) is not hint:
        raise bad_value(name)
    return value


def bad_value(name: str) -> AppFailure:
    """400: something in the body is missing or not what it should be."""
    text = f"Invalid or missing {name} in the request body."
    return invalid("api.context.invalid_body_param.app_error", text, Name=name)


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _int(digits: str) -> int:
    number = int(digits)
    return number if abs(number) <= INT_MAX else _refuse(digits)


def _float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _check(value: Any, room: int) -> None:
    if not room:
        _refuse("depth")
    if isinstance(value, str):
        value.encode()
        if NUL in value:
            _refuse("NUL")
    elif isinstance(value, list | dict):
        for item in value:  # of an object, its names
            _check(item, room - 1)
        for item in value.values() if isinstance(value, dict) else ():
            _check(item, room - 1)


def _object(model: Any) -> dict[str, Any]:
    private, renamed = PRIVATE.get(type(model), ()), RENAMED.get(type(model), {})
    names = [item.name for item in fields(model) if item.name not in private]
    return {renamed.get(name, name): to_json(getattr(model, name)) for name in names}


def _session(session: Session) -> dict[str, Any]:
    props = {name: value for name, value in session.props.items() if name != "csrf"}
    return _object(session) | {"props": props}


def _broadcast(broadcast: WebsocketBroadcast) -> dict[str, Any]:
    return _object(broadcast) | {"omit_users": dict.fromkeys(broadcast.omit_users, True) or None}


def _with_actions(model: Post | CommandResponse) -> dict[str, Any]:
    """What has attachments, without where their actions lead: addresses and secrets of plugins."""
    found = _object(model)
    attached = found["props"].get(ATTACHMENTS)
    return found if attached is None else found | {"props": found["props"] | {ATTACHMENTS: _open(attached)}}


def _open(value: Any) -> Any:
    if isinstance(value, list):
        return [_open(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _open(item) for name, item in value.items() if name != INTEGRATION}


_EXCEPTIONS: Mapping[type, Callable[[Any], Any]] = {
    CommandResponse: _with_actions,
    Post: _with_actions,
    PluginInfo: lambda info: to_json(info.manifest),
    Session: _session,
    WebsocketBroadcast: _broadcast,
}


def _list(hint: Any, value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise bad_value(name)
    check_count(value, LIST_MAX, name)
    (item_hint,) = get_args(hint)
    return [value_of(item_hint, item, name) for item in value]


def _dict(hint: Any, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_value(name)
    _, item_hint = get_args(hint)
    return {key: value_of(item_hint, item, name) for key, item in value.items()}


_CONTAINERS: Mapping[Any, Callable[[Any, Any, str], Any]] = {list: _list, dict: _dict}


def _bytes(value: Any, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise bad_value(name) from None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
