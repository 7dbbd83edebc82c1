"""Properties as the SDK's client sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mattermost_plugin import AsyncPluginAPIClient, NotFoundError
from mattermost_plugin.models import PropertyField, PropertyValue

pytestmark = pytest.mark.anyio

TARGET: dict[str, Any] = {"target_id": "post", "target_type": "post"}


async def a_field(api: AsyncPluginAPIClient, name: str) -> PropertyField:
    group = await api.register_property_group("poll")
    return await api.create_property_field(PropertyField(group_id=group.id, name=name, type="text", **TARGET))


async def test_every_method_of_groups_and_fields_does_its_work(api: AsyncPluginAPIClient) -> None:
    one, two = await a_field(api, "one"), await a_field(api, "two")
    group = await api.get_property_group("poll")
    assert (one.group_id, await api.get_property_field(one.id, group_id=group.id)) == (group.id, one)
    assert await api.get_property_field_by_name(group.id, "two", target_id="post") == two
    assert await api.get_property_fields(group.id, [two.id, one.id]) == [two, one]
    uno = await api.update_property_field(replace(one, name="uno", attrs={"n": 1}), group_id=group.id)
    assert [field.name for field in await api.update_property_fields([uno, two], group_id=group.id)] == ["uno", "two"]
    assert {field.id for field in await api.search_property_fields(group.id, **TARGET)} == {one.id, two.id}
    assert await api.count_property_fields(group.id) == 2
    assert await api.count_property_fields_for_target("post", "post", group_id=group.id) == 2
    await api.delete_property_field(one.id, group_id=group.id)
    assert await api.count_property_fields(group.id) == 1


async def test_every_method_of_values_does_its_work(api: AsyncPluginAPIClient) -> None:
    one, two = await a_field(api, "one"), await a_field(api, "two")
    group_id = one.group_id
    value = await api.create_property_value(PropertyValue(group_id=group_id, field_id=one.id, value=["a"], **TARGET))
    assert await api.get_property_value(value.id, group_id=group_id) == value
    changed = await api.update_property_value(replace(value, value={"b": 1}), group_id=group_id)
    assert changed.value == {"b": 1}
    assert [item.value for item in await api.update_property_values([value], group_id=group_id)] == [["a"]]
    assert (await api.upsert_property_value(replace(value, value=2))).id == value.id
    [other] = await api.upsert_property_values([PropertyValue(group_id=group_id, field_id=two.id, value=3, **TARGET)])
    found = await api.get_property_values(group_id, [other.id, value.id])
    assert [item.value for item in found] == [3, 2]
    assert len(await api.search_property_values(group_id, **TARGET)) == 2
    assert len(await api.search_property_values(group_id, field_id=two.id)) == 1
    await api.delete_property_value(other.id, group_id=group_id)
    await api.delete_property_values_for_field(one.id, group_id=group_id)
    await api.delete_property_values_for_target("post", "post", group_id=group_id)
    assert await api.search_property_values(group_id) == []
    with pytest.raises(NotFoundError):
        await api.get_property_value("x" * 26, group_id=group_id)
