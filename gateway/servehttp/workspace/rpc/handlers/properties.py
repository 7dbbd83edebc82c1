"""Properties: groups, fields and values."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import PropertyField, PropertyGroup, PropertyValue
from servehttp.workspace.rpc.call import ApiCall


async def register_property_group(call: ApiCall, request: pb.RegisterPropertyGroupRequest) -> PropertyGroup:
    return await call.workspace.property_groups.register(request.name)


async def get_property_group(call: ApiCall, request: pb.GetPropertyGroupRequest) -> PropertyGroup:
    return await call.workspace.property_groups.get(request.name)


async def create_property_field(call: ApiCall, request: pb.CreatePropertyFieldRequest) -> PropertyField:
    return await call.workspace.property_fields.create(PropertyField.from_proto(request.field))


async def get_property_field(call: ApiCall, request: pb.GetPropertyFieldRequest) -> PropertyField:
    return await call.workspace.property_fields.get(request.group_id, request.field_id)


async def get_property_field_by_name(call: ApiCall, request: pb.GetPropertyFieldByNameRequest) -> PropertyField:
    return await call.workspace.property_fields.get_by_name(request.group_id, request.target_id, request.name)


async def get_property_fields(call: ApiCall, request: pb.GetPropertyFieldsRequest) -> list[PropertyField]:
    return await call.workspace.property_fields.by_ids(request.group_id, list(request.ids))


async def update_property_field(call: ApiCall, request: pb.UpdatePropertyFieldRequest) -> PropertyField:
    [field] = await call.workspace.property_fields.update(request.group_id, [PropertyField.from_proto(request.field)])
    return field


async def update_property_fields(call: ApiCall, request: pb.UpdatePropertyFieldsRequest) -> list[PropertyField]:
    given = [PropertyField.from_proto(field) for field in request.fields]
    return await call.workspace.property_fields.update(request.group_id, given)


async def delete_property_field(call: ApiCall, request: pb.DeletePropertyFieldRequest) -> None:
    await call.workspace.property_fields.delete(request.group_id, request.field_id)


async def search_property_fields(call: ApiCall, request: pb.SearchPropertyFieldsRequest) -> list[PropertyField]:
    opts = request.opts
    wanted = {"group_id": request.group_id, "target_type": opts.target_type, "target_id": opts.target_id}
    return await call.workspace.property_fields.search(
        wanted, include_deleted=opts.include_deleted, page=opts.page, per_page=opts.per_page
    )


async def count_property_fields(call: ApiCall, request: pb.CountPropertyFieldsRequest) -> int:
    wanted = {"group_id": request.group_id}
    return await call.workspace.property_fields.count(wanted, include_deleted=request.include_deleted)


async def count_property_fields_for_target(call: ApiCall, request: pb.CountPropertyFieldsForTargetRequest) -> int:
    wanted = {"group_id": request.group_id, "target_type": request.target_type, "target_id": request.target_id}
    return await call.workspace.property_fields.count(wanted, include_deleted=request.include_deleted)


async def create_property_value(call: ApiCall, request: pb.CreatePropertyValueRequest) -> PropertyValue:
    return await call.workspace.property_values.create(PropertyValue.from_proto(request.value))


async def get_property_value(call: ApiCall, request: pb.GetPropertyValueRequest) -> PropertyValue:
    return await call.workspace.property_values.get(request.group_id, request.value_id)


async def get_property_values(call: ApiCall, request: pb.GetPropertyValuesRequest) -> list[PropertyValue]:
    return await call.workspace.property_values.by_ids(request.group_id, list(request.ids))


async def update_property_value(call: ApiCall, request: pb.UpdatePropertyValueRequest) -> PropertyValue:
    [value] = await call.workspace.property_values.update(request.group_id, [PropertyValue.from_proto(request.value)])
    return value


async def update_property_values(call: ApiCall, request: pb.UpdatePropertyValuesRequest) -> list[PropertyValue]:
    given = [PropertyValue.from_proto(value) for value in request.values]
    return await call.workspace.property_values.update(request.group_id, given)


async def upsert_property_value(call: ApiCall, request: pb.UpsertPropertyValueRequest) -> PropertyValue:
    [value] = await call.workspace.property_values.upsert([PropertyValue.from_proto(request.value)])
    return value


async def upsert_property_values(call: ApiCall, request: pb.UpsertPropertyValuesRequest) -> list[PropertyValue]:
    return await call.workspace.property_values.upsert([PropertyValue.from_proto(value) for value in request.values])


async def delete_property_value(call: ApiCall, request: pb.DeletePropertyValueRequest) -> None:
    await call.workspace.property_values.delete(request.group_id, request.value_id)


async def delete_property_values_for_field(call: ApiCall, request: pb.DeletePropertyValuesForFieldRequest) -> None:
    await call.workspace.property_values.delete_of_field(request.group_id, request.field_id)


async def delete_property_values_for_target(call: ApiCall, request: pb.DeletePropertyValuesForTargetRequest) -> None:
    await call.workspace.property_values.delete_of_target(request.group_id, request.target_type, request.target_id)


async def search_property_values(call: ApiCall, request: pb.SearchPropertyValuesRequest) -> list[PropertyValue]:
    opts = request.opts
    wanted = {
        "group_id": request.group_id,
        "target_type": opts.target_type,
        "target_id": opts.target_id,
        "field_id": opts.field_id,
    }
    return await call.workspace.property_values.search(
        wanted, include_deleted=opts.include_deleted, page=opts.page, per_page=opts.per_page
    )
