"""The hook about files. The contract carries a whole file in one message."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.grpc import file_pb2
from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import FileInfo
from mattermost_plugin.servicers.kinds import NEUTRAL_REASON, is_same
from mattermost_plugin.servicers.results import ERRORS, as_message, refusal
from mattermost_plugin.servicers.unary import CONTEXT, Argument, UnaryHook

FILE_INFO = Argument("file_info", FileInfo)


def _answer(request: pb.FileWillBeUploadedRequest, result: Any) -> pb.FileWillBeUploadedResponse:
    response = pb.FileWillBeUploadedResponse()
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, ERRORS):
            response.rejection_reason = response.rejection_reason or refusal(part)
        elif isinstance(part, (bytes, bytearray, memoryview)):
            response.modified_content = _replacement(bytes(part), request.file_content)
        elif part is not None and not is_same(part, request.file_info, FileInfo):
            response.modified_file_info.CopyFrom(as_message(part, file_pb2.FileInfo))
    if response.rejection_reason:
        return pb.FileWillBeUploadedResponse(rejection_reason=response.rejection_reason)
    return response


def _replacement(content: bytes, original: bytes) -> bytes:
    if content == original:
        return b""
    if not content:
        raise ValueError("a file cannot be made empty: on the wire empty content means unchanged content")
    return content


HOOKS = (
    UnaryHook(
        HookName.FileWillBeUploaded,
        (CONTEXT, FILE_INFO, Argument("file_content")),
        answer=_answer,
        absent=lambda request: pb.FileWillBeUploadedResponse(),
        failed=lambda failure: pb.FileWillBeUploadedResponse(rejection_reason=NEUTRAL_REASON),
    ),
)
