"""Groups, fields and values of properties."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

import pytest

from mattermost_plugin.models import PropertyField, PropertyValue
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock

pytestmark = pytest.mark.anyio


async def refusal(action: Awaitable[object]) -> int:
    with pytest.raises(AppFailure) as refused:
        await action
    return refused.value.status


async def a_field(ws: Workspace, name: str = "colour", target_id: str = "") -> PropertyField:
    group = await ws.property_groups.register("poll")
    return await ws.property_fields.create(
        PropertyField(group_id=group.id, name=name, type="text", target_id=target_id, target_type="channel")
    )


def a_value(field: PropertyField, target_id: str, value: object) -> PropertyValue:
    return PropertyValue(
        group_id=field.group_id, field_id=field.id, target_id=target_id, target_type="post", value=value
    )


async def test_a_group_is_registered_once(ws: Workspace) -> None:
    group = await ws.property_groups.register("poll")
    assert await ws.property_groups.register("poll") == group
    assert await ws.property_groups.get("poll") == group
    assert await refusal(ws.property_groups.get("other")) == 404
    assert await refusal(ws.property_groups.register("")) == 400


async def test_a_name_is_taken_once_for_each_target_and_free_again_after_deletion(ws: Workspace) -> None:
    field = await a_field(ws)
    assert await refusal(a_field(ws)) == 400
    bound = await a_field(ws, target_id="one")
    assert await ws.property_fields.get_by_name(field.group_id, "one", "colour") == bound
    assert await ws.property_fields.get_by_name(field.group_id, "", "colour") == field
    await ws.property_fields.delete(field.group_id, field.id)
    assert await refusal(ws.property_fields.get_by_name(field.group_id, "", "colour")) == 404
    assert (await a_field(ws)).id != field.id


async def test_a_field_of_no_known_type_or_without_a_name_is_refused(ws: Workspace) -> None:
    group = await ws.property_groups.register("poll")
    field = PropertyField(group_id=group.id, name="x", type="text")
    for malformed in (replace(field, type="blob"), replace(field, name=""), replace(field, group_id="x")):
        assert await refusal(ws.property_fields.create(malformed)) == 400


async def test_of_several_updates_all_are_made_or_none(ws: Workspace) -> None:
    one, two = await a_field(ws, "one"), await a_field(ws, "two")
    stray = replace(two, id="x" * 26)
    assert await refusal(ws.property_fields.update(one.group_id, [replace(one, name="uno"), stray])) == 404
    assert await ws.property_fields.get(one.group_id, one.id) == one
    stored = await ws.property_fields.update(one.group_id, [replace(one, name="uno", attrs={"a": [1]})])
    assert [(field.name, field.attrs) for field in stored] == [("uno", {"a": [1]})]


async def test_what_is_of_another_group_does_not_exist(ws: Workspace) -> None:
    field = await a_field(ws)
    other = await ws.property_groups.register("other")
    assert await refusal(ws.property_fields.get(other.id, field.id)) == 404
    assert await refusal(ws.property_fields.delete(other.id, field.id)) == 404
    assert await refusal(ws.property_values.create(replace(a_value(field, "p", 1), group_id=other.id))) == 404
    assert await ws.property_fields.get("", field.id) == field


async def test_pages_of_fields_are_in_the_order_in_which_they_were_made(ws: Workspace, clock: Clock) -> None:
    made = []
    for name in ("z", "a", "m"):
        made.append(await a_field(ws, name))
        clock.advance(seconds=1)
    wanted = {"group_id": made[0].group_id, "target_type": "channel", "target_id": ""}
    pages = [await ws.property_fields.search(wanted, page=page, per_page=2) for page in (0, 1)]
    assert pages == [made[:2], made[2:]]
    assert await refusal(ws.property_fields.search(wanted, per_page=0)) == 400
    await ws.property_fields.delete(made[0].group_id, made[0].id)
    assert await ws.property_fields.count(wanted) == 2
    assert await ws.property_fields.count(wanted, include_deleted=True) == 3


async def test_a_target_has_one_value_of_a_field_and_an_upsert_replaces_it(ws: Workspace) -> None:
    field = await a_field(ws)
    first = await ws.property_values.create(a_value(field, "post", "red"))
    assert await refusal(ws.property_values.create(a_value(field, "post", "blue"))) == 400
    [second] = await ws.property_values.upsert([a_value(field, "post", {"any": ["thing", None]})])
    assert (second.id, second.value) == (first.id, {"any": ["thing", None]})
    [nothing] = await ws.property_values.upsert([a_value(field, "post", None)])
    assert await ws.property_values.get(field.group_id, first.id) == nothing


async def test_the_values_of_a_deleted_field_are_deleted(ws: Workspace) -> None:
    field, other = await a_field(ws, "one"), await a_field(ws, "two")
    await ws.property_values.upsert([a_value(field, "post", 1), a_value(other, "post", 2)])
    await ws.property_fields.delete(field.group_id, field.id)
    left = await ws.property_values.search({"target_id": "post"})
    assert [value.value for value in left] == [2]
    assert len(await ws.property_values.search({"target_id": "post"}, include_deleted=True)) == 2


async def test_values_are_deleted_by_field_and_by_target(ws: Workspace) -> None:
    field, other = await a_field(ws, "one"), await a_field(ws, "two")
    await ws.property_values.upsert([a_value(item, target, 1) for item in (field, other) for target in ("a", "b")])
    await ws.property_values.delete_of_field(field.group_id, field.id)
    await ws.property_values.delete_of_target(field.group_id, "post", "a")
    left = await ws.property_values.search({"group_id": field.group_id})
    assert [(value.field_id, value.target_id) for value in left] == [(other.id, "b")]
    assert await refusal(ws.property_values.delete_of_target("", "", "")) == 400


async def test_asking_for_one_that_is_missing_fails_the_whole_question(ws: Workspace) -> None:
    one, two = await a_field(ws, "one"), await a_field(ws, "two")
    assert await ws.property_fields.by_ids(one.group_id, [two.id, one.id]) == [two, one]
    assert await refusal(ws.property_fields.by_ids(one.group_id, [one.id, "missing"])) == 404
