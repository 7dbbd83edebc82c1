"""Users' preferences."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Preference
from servehttp.workspace.rpc.call import Call


async def get_preference_for_user(
    call: Call, request: pb.GetPreferenceForUserRequest
) -> pb.GetPreferenceForUserResponse:
    preference = await call.ws.preferences.get(request.user_id, request.category, request.name)
    return pb.GetPreferenceForUserResponse(preference=preference.to_proto())


async def get_preferences_for_user(
    call: Call, request: pb.GetPreferencesForUserRequest
) -> pb.GetPreferencesForUserResponse:
    found = await call.ws.preferences.of_user(request.user_id)
    return pb.GetPreferencesForUserResponse(preferences=[preference.to_proto() for preference in found])


async def update_preferences_for_user(
    call: Call, request: pb.UpdatePreferencesForUserRequest
) -> pb.UpdatePreferencesForUserResponse:
    wanted = [Preference.from_proto(preference) for preference in request.preferences]
    await call.ws.preferences.update(request.user_id, wanted)
    return pb.UpdatePreferencesForUserResponse()


async def delete_preferences_for_user(
    call: Call, request: pb.DeletePreferencesForUserRequest
) -> pb.DeletePreferencesForUserResponse:
    unwanted = [Preference.from_proto(preference) for preference in request.preferences]
    await call.ws.preferences.delete(request.user_id, unwanted)
    return pb.DeletePreferencesForUserResponse()
