"""An OpenAPI 3.1 document made of a table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

VERSION = "3.1.0"
JSON = "application/json"

_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Operation:
    """What is served at one address, by one method.

    Attributes:
        method: of HTTP.
        path: with names in braces.
        name: its id, of which there is one.
        description: what it does, and who may.
        query: the parameters of the address, each with its schema.
        content: the media type of what it answers with, each with its schema; none for an empty answer.
        body: the same of what it is sent; none if it takes nothing.
        status: of its answer.
        refusals: the statuses of what it refuses.
        open: whether nobody has to say who they are.
    """

    method: str
    path: str
    name: str
    description: str
    query: Mapping[str, Mapping[str, Any]]
    content: Mapping[str, Mapping[str, Any]]
    body: Mapping[str, Mapping[str, Any]]
    status: int
    refusals: tuple[int, ...]
    open: bool


def document(
    title: str, version: str, operations: Iterable[Operation], error: Mapping[str, Any], security: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole.

    Args:
        title: of the API.
        version: its own.
        operations: what it has.
        error: the schema of what is refused.
        security: the schemes by which a caller says who it is, by their names; any one of them will do.
    """
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version},
        "security": [{name: []} for name in security],
        "paths": paths,
        "components": {"schemas": {"Error": dict(error)}, "securitySchemes": dict(security)},
    }


def _described(operation: Operation) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAMES.findall(operation.path)
    ]
    in_query = [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in operation.query.items()]
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.description.partition("\n")[0],
        "description": operation.description,
        "parameters": [*in_path, *in_query],
        "responses": {
            str(operation.status): _answer(operation.status, operation.content),
            **{str(status): _refusal(status) for status in sorted(operation.refusals)},
        },
    }
    if operation.body:
        told["requestBody"] = {"content": _media(operation.body)}
    if operation.open:
        told["security"] = []
    return told


def _answer(status: int, content: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if content:
        described["content"] = _media(content)
    return described


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schema}}}


def _media(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {kind: {"schema": dict(schema)} for kind, schema in content.items()}
