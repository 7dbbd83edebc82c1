"""The hooks about the plugin's own life: started, stopped, configured anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from mattermost_plugin.grpc import hooks_lifecycle_pb2 as pb
from mattermost_plugin.grpc.common_pb2 import AppError
from mattermost_plugin.hooks import HookName
from mattermost_plugin.servicers.unary import UnaryHook, app_error, error_id

Response: TypeAlias = pb.OnActivateResponse | pb.OnDeactivateResponse | pb.OnConfigurationChangeResponse


def refusal(result: object) -> str:
    """Why a handler refuses: it may return a text or an exception instead of raising."""
    if isinstance(result, Exception):
        return str(result) or type(result).__name__
    return result if isinstance(result, str) else ""


def nothing(result: object) -> str:
    """What a handler says whose result means nothing."""
    return ""


def _hook(name: HookName, response: type[Response], refusal: Callable[[object], str]) -> UnaryHook:
    def error(text: str) -> AppError:
        return app_error(text, error_id(name), where=name.value)

    def answer(result: Any) -> Response:
        text = refusal(result)
        return response(error=error(text)) if text else response()

    return UnaryHook(
        name,
        arguments=lambda request: (),
        answer=answer,
        absent=lambda request: response(),
        failed=lambda failure: response(error=error(str(failure))),
    )


HOOKS = (
    _hook(HookName.OnActivate, pb.OnActivateResponse, refusal),
    _hook(HookName.OnDeactivate, pb.OnDeactivateResponse, nothing),
    _hook(HookName.OnConfigurationChange, pb.OnConfigurationChangeResponse, nothing),
)
