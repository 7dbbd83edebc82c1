"""The server: version, licence, logs and audit."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.api import wire_values
from mattermost_plugin.models import AuditRecord
from notation import repeatable, wire


@repeatable
def get_server_version() -> str:
    """The server's version, e.g. "10.11.2"."""


@repeatable
def get_system_install_date() -> int:
    """When the server first ran, in milliseconds since the epoch."""


@repeatable
def get_diagnostic_id() -> str:
    """The server's telemetry id under its older name."""


@repeatable
def get_telemetry_id() -> str:
    """The id under which the server reports telemetry."""


@repeatable
def get_license() -> bytes:
    """The licence as JSON; empty without one."""


@repeatable
def is_enterprise_ready() -> bool:
    """Whether the server's build has the enterprise code; that needs no licence."""


@repeatable
def get_cloud_limits() -> bytes:
    """What the cloud plan allows as JSON; empty without one."""


def request_trial_license(
    requester_id: str, users: int, *, terms_accepted: bool = False, receive_emails_accepted: bool = False
) -> None:
    """Request a trial licence and install it.

    Args:
        requester_id: the user who asks.
        users: how many seats.
        terms_accepted: the terms of the trial were accepted, without which there is none.
        receive_emails_accepted: mails about it are welcome.

    Raises:
        PermissionDeniedError: the user may not ask for it.
        ValidationError: the terms were not accepted, or there was a trial before.
    """


def register_collection_and_topic(collection_type: str, topic_type: str) -> None:
    """Registered a kind of thread once; servers no longer support it, and do nothing.

    Args:
        collection_type: the kind of what holds threads.
        topic_type: the kind of threads.
    """


# A log call waits for the host like any other, and takes no `timeout`, which is a fine name for a field. In the
# reference all four send a field `message`; the wire has `msg`, and pairs whose values are JSON.


def log_debug(message: str, **kwargs: Any) -> None:
    """Write to the server's log at level debug; the server adds the plugin's id. `Plugin.logger` needs no call.

    Args:
        message: a short sentence.
        **kwargs: fields of the record. What is not text, a number, a bool or None is written as text.
    """
    wire(msg=message, key_value_pairs=wire_values.log_fields(kwargs))


def log_info(message: str, **kwargs: Any) -> None:
    """Write to the server's log at level info; the server adds the plugin's id. `Plugin.logger` needs no call.

    Args:
        message: a short sentence.
        **kwargs: fields of the record. What is not text, a number, a bool or None is written as text.
    """
    wire(msg=message, key_value_pairs=wire_values.log_fields(kwargs))


def log_warn(message: str, **kwargs: Any) -> None:
    """Write to the server's log at level warn; the server adds the plugin's id. `Plugin.logger` needs no call.

    Args:
        message: a short sentence.
        **kwargs: fields of the record. What is not text, a number, a bool or None is written as text.
    """
    wire(msg=message, key_value_pairs=wire_values.log_fields(kwargs))


def log_error(message: str, **kwargs: Any) -> None:
    """Write to the server's log at level error; the server adds the plugin's id. `Plugin.logger` needs no call.

    Args:
        message: a short sentence.
        **kwargs: fields of the record. What is not text, a number, a bool or None is written as text.
    """
    wire(msg=message, key_value_pairs=wire_values.log_fields(kwargs))


def log_audit_rec(record: AuditRecord) -> None:
    """Write an audit record at the default level.

    Raises:
        ValueError: `record.meta` holds what JSON does not have, or an int beyond 2^53.
    """


def log_audit_rec_with_level(record: AuditRecord, level: str) -> None:
    """Write an audit record at a level of its own.

    Args:
        level: the name of a level of the server's log, such as "audit-api".

    Raises:
        ValueError: `record.meta` holds what JSON does not have, or an int beyond 2^53.
    """
