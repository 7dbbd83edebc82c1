"""The caller's lines in the log, and its records in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from mattermost_plugin.grpc import api_kv_config_pb2 as pb
from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import AuditRecord
from mattermost_plugin.values import from_value
from servehttp.plugins.output import RESERVED_FIELDS, escape
from servehttp.workspace.rpc.call import ApiCall

logger = structlog.get_logger("servehttp.plugin")


async def log_debug(call: ApiCall, request: pb.LogDebugRequest) -> None:
    logger.debug(escape(request.msg), **call.label, **_fields(request.key_value_pairs))


async def log_info(call: ApiCall, request: pb.LogInfoRequest) -> None:
    logger.info(escape(request.msg), **call.label, **_fields(request.key_value_pairs))


async def log_warn(call: ApiCall, request: pb.LogWarnRequest) -> None:
    logger.warning(escape(request.msg), **call.label, **_fields(request.key_value_pairs))


async def log_error(call: ApiCall, request: pb.LogErrorRequest) -> None:
    logger.error(escape(request.msg), **call.label, **_fields(request.key_value_pairs))


async def log_audit_rec(call: ApiCall, request: api_remaining_pb2.LogAuditRecRequest) -> None:
    await call.workspace.audits.log(AuditRecord.from_proto(request.record))


async def log_audit_rec_with_level(call: ApiCall, request: api_remaining_pb2.LogAuditRecWithLevelRequest) -> None:
    await call.workspace.audits.log(AuditRecord.from_proto(request.record), request.level)


def _fields(pairs: Iterable[pb.KeyValuePair]) -> dict[str, Any]:
    """By name; one that means something to the log itself gets a trailing underscore."""
    named = {pair.key: from_value(pair.value) for pair in pairs}
    return {f"{name}_" if name in RESERVED_FIELDS else name: value for name, value in named.items()}
