"""The key-value store: each plugin has keys of its own.

A stored value is never empty: on the wire an empty value means that there is none, and storing one deletes the key.
So that neither happens unnoticed, values that are empty are refused here.
"""

from __future__ import annotations

from mattermost_plugin.api import wire_values
from mattermost_plugin.models import PluginKVSetOptions
from notation import repeatable, response, result, wire


def kv_set(key: str, value: bytes) -> None:
    """Store a value.

    Raises:
        ValueError: the value is empty.
        ValidationError: the key is empty or too long.
    """
    wire(value=wire_values.stored(value))


@repeatable
def kv_get(key: str) -> bytes | None:
    """The value of a key, or None when there is no such key or it has expired; never an empty value.

    Raises:
        ValidationError: the key is empty or too long.
    """
    result(response.value or None)


def kv_delete(key: str) -> None:
    """Delete a key; one that does not exist is no error.

    Raises:
        ValidationError: the key is empty or too long.
    """


def kv_delete_all() -> None:
    """Delete all keys of the plugin."""


@repeatable
def kv_list(*, page: int = 0, per_page: int = 100) -> list[str]:
    """A page of the plugin's keys, without those that have expired."""


def kv_set_with_expiry(key: str, value: bytes, expire_in_seconds: int) -> None:
    """Store a value for a time.

    Args:
        expire_in_seconds: after how many seconds the key is gone; 0 never.

    Raises:
        ValueError: the value is empty.
        ValidationError: the key is empty or too long, or the time is negative.
    """
    wire(value=wire_values.stored(value))


def kv_compare_and_set(key: str, old_value: bytes | None, new_value: bytes) -> bool:
    """Store a value if the present one is `old_value`, in one step; returns whether it did.

    Args:
        old_value: the value that must be there; None: the key must not exist.
        new_value: the value to store.

    Raises:
        ValueError: a value is empty; `kv_compare_and_delete` deletes.
        ValidationError: the key is empty or too long.
    """
    wire(old_value=wire_values.expected(old_value), new_value=wire_values.stored(new_value))


def kv_compare_and_delete(key: str, old_value: bytes) -> bool:
    """Delete a key if its value is `old_value`, in one step; returns whether it did.

    Args:
        old_value: the value that must be there.

    Raises:
        ValueError: the value is empty.
        ValidationError: the key is empty or too long.
    """
    wire(old_value=wire_values.stored(old_value))


def kv_set_with_options(key: str, value: bytes, options: PluginKVSetOptions) -> bool:
    """Store a value with conditions and expiry; returns whether it did, which only `options.atomic` can prevent.

    Raises:
        ValueError: the value, or `options.old_value`, is empty.
        ValidationError: the key is empty or too long, or the options contradict one another.
    """
    wire(value=wire_values.stored(value), options=wire_values.set_options(options))
