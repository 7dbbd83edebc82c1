"""Properties: typed fields, in groups, with values for any kind of target.

A `group_id` guards against touching another plugin's fields and values: where it does not match, nothing is found. The
reference never sends it where its methods have no such parameter; here those have one, which may be left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.api import wire_values
from mattermost_plugin.grpc import api_remaining_pb2
from mattermost_plugin.models import PropertyField, PropertyGroup, PropertyValue
from notation import repeatable, wire

# In this file the reference sends and reads JSON in fields that the wire does not have; it has messages. Where another
# correction was needed, it is named.


@repeatable
def register_property_group(name: str) -> PropertyGroup:
    """The property group of this name, created if need be.

    Args:
        name: unique on the server; the plugin's id makes a good one.

    Raises:
        ValidationError: the name is empty.
    """
    # The reference sends `group_id` and `group_name`; the wire has `name`.


@repeatable
def get_property_group(name: str) -> PropertyGroup:
    """One property group by name.

    Raises:
        NotFoundError: there is no such group.
    """
    # The reference sends `group_id`; the wire has `name`.


def create_property_field(field: PropertyField) -> PropertyField:
    """Create a field in the group it names, and return it with its id and times.

    Args:
        field: `group_id`, `name` and `type` are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the name is taken.
    """


@repeatable
def get_property_field(field_id: str, *, group_id: str = "") -> PropertyField:
    """One field by id.

    Raises:
        NotFoundError: there is no such field in the group.
    """


@repeatable
def get_property_field_by_name(group_id: str, name: str, *, target_id: str = "") -> PropertyField:
    """One field by name.

    Args:
        target_id: the target the field is bound to; empty for fields of the whole group.

    Raises:
        NotFoundError: there is no such field.
    """
    # The reference cannot send `target_id`.


@repeatable
def get_property_fields(group_id: str, ids: Sequence[str]) -> list[PropertyField]:
    """Fields by ids. `search_property_fields` finds them without.

    Raises:
        NotFoundError: one of them does not exist in the group.
    """
    # The reference sends `page` and `per_page`; the wire has `ids`.


def update_property_field(field: PropertyField, *, group_id: str = "") -> PropertyField:
    """Store a field as given, and return it as stored. What is left at its default is emptied: read it first.

    Args:
        group_id: the property group's id; by default the field's own.

    Raises:
        NotFoundError: there is no such field in the group.
        ValidationError: a field is malformed.
    """
    wire(group_id=group_id or field.group_id)


def update_property_fields(fields: Sequence[PropertyField], *, group_id: str = "") -> list[PropertyField]:
    """Store all of some fields or none, and return them as stored.

    Args:
        group_id: the property group's id; by default the first field's own.

    Raises:
        NotFoundError: one of them does not exist in the group.
        ValidationError: a field is malformed.
    """
    wire(group_id=group_id or wire_values.group_of(fields))


def delete_property_field(field_id: str, *, group_id: str = "") -> None:
    """Mark a field as deleted.

    Raises:
        NotFoundError: there is no such field in the group.
    """


@repeatable
def search_property_fields(
    group_id: str,
    *,
    target_type: str = "",
    target_id: str = "",
    include_deleted: bool = False,
    page: int = 0,
    per_page: int = 60,
) -> list[PropertyField]:
    """A page of a group's fields that meet all conditions given; an empty value is no condition.

    Args:
        target_type: only fields bound to this kind of target.
        target_id: only fields bound to this target.
    """
    # The reference sends a `search_term`, and paging, in fields that the wire does not have; it has `opts`.
    wire(
        opts=api_remaining_pb2.PropertyFieldSearchOpts(
            page=page,
            per_page=per_page,
            include_deleted=include_deleted,
            target_type=target_type,
            target_id=target_id,
        )
    )


@repeatable
def count_property_fields(group_id: str, *, include_deleted: bool = False) -> int:
    """How many fields a group has."""
    # The reference cannot send `include_deleted`, here and below.


@repeatable
def count_property_fields_for_target(
    target_id: str, target_type: str, *, group_id: str = "", include_deleted: bool = False
) -> int:
    """How many fields of a group are bound to a target."""


def create_property_value(value: PropertyValue) -> PropertyValue:
    """Create the value of a field for a target, and return it with its id and times.

    Args:
        value: `group_id`, `field_id`, `target_id`, `target_type` and `value` are needed.

    Raises:
        ValidationError: a field is missing or malformed, or the target has a value already.
        ValueError: the value is none that JSON has, or an int beyond 2^53.
    """


@repeatable
def get_property_value(value_id: str, *, group_id: str = "") -> PropertyValue:
    """One value by id.

    Raises:
        NotFoundError: there is no such value in the group.
    """


@repeatable
def get_property_values(group_id: str, ids: Sequence[str]) -> list[PropertyValue]:
    """Values by ids. `search_property_values` finds them by target.

    Raises:
        NotFoundError: one of them does not exist in the group.
    """
    # The reference sends `target_id`, `page` and `per_page`; the wire has `ids`.


def update_property_value(value: PropertyValue, *, group_id: str = "") -> PropertyValue:
    """Store a value as given, and return it as stored: read it first.

    Args:
        group_id: the property group's id; by default the value's own.

    Raises:
        NotFoundError: there is no such value in the group.
        ValidationError: a field is malformed.
        ValueError: the value is none that JSON has, or an int beyond 2^53.
    """
    wire(group_id=group_id or value.group_id)


def update_property_values(values: Sequence[PropertyValue], *, group_id: str = "") -> list[PropertyValue]:
    """Store all of some values or none, and return them as stored.

    Args:
        group_id: the property group's id; by default the first value's own.

    Raises:
        NotFoundError: one of them does not exist in the group.
        ValidationError: a field is malformed.
        ValueError: a value is none that JSON has, or an int beyond 2^53.
    """
    wire(group_id=group_id or wire_values.group_of(values))


def upsert_property_value(value: PropertyValue) -> PropertyValue:
    """Create or replace the value of a field for a target, and return it.

    Args:
        value: `group_id`, `field_id`, `target_id`, `target_type` and `value` are needed.

    Raises:
        ValidationError: a field is missing or malformed.
        ValueError: the value is none that JSON has, or an int beyond 2^53.
    """


def upsert_property_values(values: Sequence[PropertyValue]) -> list[PropertyValue]:
    """Create or replace all of some values or none, and return them.

    Raises:
        ValidationError: a field is missing or malformed.
        ValueError: a value is none that JSON has, or an int beyond 2^53.
    """


def delete_property_value(value_id: str, *, group_id: str = "") -> None:
    """Mark a value as deleted.

    Raises:
        NotFoundError: there is no such value in the group.
    """


def delete_property_values_for_field(field_id: str, *, group_id: str = "") -> None:
    """Delete all values of a field.

    Raises:
        NotFoundError: there is no such field in the group.
    """


def delete_property_values_for_target(target_id: str, target_type: str, *, group_id: str = "") -> None:
    """Delete all values of a target; a target without values is no error."""


@repeatable
def search_property_values(
    group_id: str,
    *,
    target_id: str = "",
    target_type: str = "",
    field_id: str = "",
    include_deleted: bool = False,
    page: int = 0,
    per_page: int = 60,
) -> list[PropertyValue]:
    """A page of a group's values that meet all conditions given; an empty value is no condition.

    Args:
        target_type: only values of this kind of target.
        target_id: only values of this target.
        field_id: only values of this field.
    """
    # The reference sends a `search_term`, `target_id` and paging in fields that the wire does not have; it has `opts`.
    wire(
        opts=api_remaining_pb2.PropertyValueSearchOpts(
            page=page,
            per_page=per_page,
            include_deleted=include_deleted,
            target_type=target_type,
            target_id=target_id,
            field_id=field_id,
        )
    )
