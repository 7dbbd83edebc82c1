"""Properties: groups, fields and values."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import PropertyField, PropertyValue
from servehttp.workspace.rpc.call import Call


async def register_property_group(
    call: Call, request: pb.RegisterPropertyGroupRequest
) -> pb.RegisterPropertyGroupResponse:
    group = await call.ws.property_groups.register(request.name)
    return pb.RegisterPropertyGroupResponse(group=group.to_proto())


async def get_property_group(call: Call, request: pb.GetPropertyGroupRequest) -> pb.GetPropertyGroupResponse:
    group = await call.ws.property_groups.get(request.name)
    return pb.GetPropertyGroupResponse(group=group.to_proto())


async def create_property_field(call: Call, request: pb.CreatePropertyFieldRequest) -> pb.CreatePropertyFieldResponse:
    field = await call.ws.property_fields.create(PropertyField.from_proto(request.field))
    return pb.CreatePropertyFieldResponse(field=field.to_proto())


async def get_property_field(call: Call, request: pb.GetPropertyFieldRequest) -> pb.GetPropertyFieldResponse:
    field = await call.ws.property_fields.get(request.group_id, request.field_id)
    return pb.GetPropertyFieldResponse(field=field.to_proto())


async def get_property_field_by_name(
    call: Call, request: pb.GetPropertyFieldByNameRequest
) -> pb.GetPropertyFieldByNameResponse:
    field = await call.ws.property_fields.get_by_name(request.group_id, request.target_id, request.name)
    return pb.GetPropertyFieldByNameResponse(field=field.to_proto())


async def get_property_fields(call: Call, request: pb.GetPropertyFieldsRequest) -> pb.GetPropertyFieldsResponse:
    found = await call.ws.property_fields.by_ids(request.group_id, list(request.ids))
    return pb.GetPropertyFieldsResponse(fields=[field.to_proto() for field in found])


async def update_property_field(call: Call, request: pb.UpdatePropertyFieldRequest) -> pb.UpdatePropertyFieldResponse:
    [field] = await call.ws.property_fields.update(request.group_id, [PropertyField.from_proto(request.field)])
    return pb.UpdatePropertyFieldResponse(field=field.to_proto())


async def update_property_fields(
    call: Call, request: pb.UpdatePropertyFieldsRequest
) -> pb.UpdatePropertyFieldsResponse:
    given = [PropertyField.from_proto(field) for field in request.fields]
    stored = await call.ws.property_fields.update(request.group_id, given)
    return pb.UpdatePropertyFieldsResponse(fields=[field.to_proto() for field in stored])


async def delete_property_field(call: Call, request: pb.DeletePropertyFieldRequest) -> pb.DeletePropertyFieldResponse:
    await call.ws.property_fields.delete(request.group_id, request.field_id)
    return pb.DeletePropertyFieldResponse()


async def search_property_fields(
    call: Call, request: pb.SearchPropertyFieldsRequest
) -> pb.SearchPropertyFieldsResponse:
    opts = request.opts
    wanted = {"group_id": request.group_id, "target_type": opts.target_type, "target_id": opts.target_id}
    found = await call.ws.property_fields.search(
        wanted, include_deleted=opts.include_deleted, page=opts.page, per_page=opts.per_page
    )
    return pb.SearchPropertyFieldsResponse(fields=[field.to_proto() for field in found])


async def count_property_fields(call: Call, request: pb.CountPropertyFieldsRequest) -> pb.CountPropertyFieldsResponse:
    wanted = {"group_id": request.group_id}
    count = await call.ws.property_fields.count(wanted, include_deleted=request.include_deleted)
    return pb.CountPropertyFieldsResponse(count=count)


async def count_property_fields_for_target(
    call: Call, request: pb.CountPropertyFieldsForTargetRequest
) -> pb.CountPropertyFieldsForTargetResponse:
    wanted = {"group_id": request.group_id, "target_type": request.target_type, "target_id": request.target_id}
    count = await call.ws.property_fields.count(wanted, include_deleted=request.include_deleted)
    return pb.CountPropertyFieldsForTargetResponse(count=count)


async def create_property_value(call: Call, request: pb.CreatePropertyValueRequest) -> pb.CreatePropertyValueResponse:
    value = await call.ws.property_values.create(PropertyValue.from_proto(request.value))
    return pb.CreatePropertyValueResponse(value=value.to_proto())


async def get_property_value(call: Call, request: pb.GetPropertyValueRequest) -> pb.GetPropertyValueResponse:
    value = await call.ws.property_values.get(request.group_id, request.value_id)
    return pb.GetPropertyValueResponse(value=value.to_proto())


async def get_property_values(call: Call, request: pb.GetPropertyValuesRequest) -> pb.GetPropertyValuesResponse:
    found = await call.ws.property_values.by_ids(request.group_id, list(request.ids))
    return pb.GetPropertyValuesResponse(values=[value.to_proto() for value in found])


async def update_property_value(call: Call, request: pb.UpdatePropertyValueRequest) -> pb.UpdatePropertyValueResponse:
    [value] = await call.ws.property_values.update(request.group_id, [PropertyValue.from_proto(request.value)])
    return pb.UpdatePropertyValueResponse(value=value.to_proto())


async def update_property_values(
    call: Call, request: pb.UpdatePropertyValuesRequest
) -> pb.UpdatePropertyValuesResponse:
    given = [PropertyValue.from_proto(value) for value in request.values]
    stored = await call.ws.property_values.update(request.group_id, given)
    return pb.UpdatePropertyValuesResponse(values=[value.to_proto() for value in stored])


async def upsert_property_value(call: Call, request: pb.UpsertPropertyValueRequest) -> pb.UpsertPropertyValueResponse:
    [value] = await call.ws.property_values.upsert([PropertyValue.from_proto(request.value)])
    return pb.UpsertPropertyValueResponse(value=value.to_proto())


async def upsert_property_values(
    call: Call, request: pb.UpsertPropertyValuesRequest
) -> pb.UpsertPropertyValuesResponse:
    stored = await call.ws.property_values.upsert([PropertyValue.from_proto(value) for value in request.values])
    return pb.UpsertPropertyValuesResponse(values=[value.to_proto() for value in stored])


async def delete_property_value(call: Call, request: pb.DeletePropertyValueRequest) -> pb.DeletePropertyValueResponse:
    await call.ws.property_values.delete(request.group_id, request.value_id)
    return pb.DeletePropertyValueResponse()


async def delete_property_values_for_field(
    call: Call, request: pb.DeletePropertyValuesForFieldRequest
) -> pb.DeletePropertyValuesForFieldResponse:
    await call.ws.property_values.delete_of_field(request.group_id, request.field_id)
    return pb.DeletePropertyValuesForFieldResponse()


async def delete_property_values_for_target(
    call: Call, request: pb.DeletePropertyValuesForTargetRequest
) -> pb.DeletePropertyValuesForTargetResponse:
    await call.ws.property_values.delete_of_target(request.group_id, request.target_type, request.target_id)
    return pb.DeletePropertyValuesForTargetResponse()


async def search_property_values(
    call: Call, request: pb.SearchPropertyValuesRequest
) -> pb.SearchPropertyValuesResponse:
    opts = request.opts
    wanted = {
        "group_id": request.group_id,
        "target_type": opts.target_type,
        "target_id": opts.target_id,
        "field_id": opts.field_id,
    }
    found = await call.ws.property_values.search(
        wanted, include_deleted=opts.include_deleted, page=opts.page, per_page=opts.per_page
    )
    return pb.SearchPropertyValuesResponse(values=[value.to_proto() for value in found])
