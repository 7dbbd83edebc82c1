"""The hook that runs slash commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.grpc import hooks_command_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import CommandArgs, CommandResponse
from mattermost_plugin.servicers.kinds import neutral_error
from mattermost_plugin.servicers.results import app_error, as_message, error_id, refusal_error, split
from mattermost_plugin.servicers.unary import CONTEXT, Argument, UnaryHook

NAME = HookName.ExecuteCommand
FAILED = "The plugin failed to run this command."
KEYS = frozenset(field.name for field in fields(CommandResponse))


def _answer(request: pb.ExecuteCommandRequest, result: Any) -> pb.ExecuteCommandResponse:
    response, error = split(result)
    if refused := refusal_error(NAME, error):
        return pb.ExecuteCommandResponse(error=refused)
    if response is None:
        return pb.ExecuteCommandResponse()
    if isinstance(response, Mapping):
        response = _from_mapping(response)
    return pb.ExecuteCommandResponse(response=as_message(response, api_remaining_pb2.CommandResponse))


def _from_mapping(response: Mapping[str, Any]) -> CommandResponse:
    if unknown := set(response) - KEYS:
        raise ValueError(f"a command's response has no {', '.join(sorted(map(repr, unknown)))}")
    return CommandResponse(**response)


def _absent(request: pb.ExecuteCommandRequest) -> pb.ExecuteCommandResponse:
    text = "the plugin has no handler for ExecuteCommand"
    error = app_error(text, error_id(NAME, "not_implemented"), status_code=501, where=NAME.value)
    return pb.ExecuteCommandResponse(error=error)


HOOKS = (
    UnaryHook(
        NAME,
        (CONTEXT, Argument("args", CommandArgs)),
        answer=_answer,
        absent=_absent,
        failed=lambda failure: pb.ExecuteCommandResponse(error=neutral_error(NAME, failure, FAILED)),
    ),
)
