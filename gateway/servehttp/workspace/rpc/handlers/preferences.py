"""Users' preferences."""

from __future__ import annotations

from mattermost_plugin.grpc import api_remaining_pb2 as pb
from mattermost_plugin.models import Preference
from servehttp.workspace.rpc.call import ApiCall


async def get_preference_for_user(call: ApiCall, request: pb.GetPreferenceForUserRequest) -> Preference:
    return await call.workspace.preferences.get(request.user_id, request.category, request.name)


async def get_preferences_for_user(call: ApiCall, request: pb.GetPreferencesForUserRequest) -> list[Preference]:
    return await call.workspace.preferences.of_user(request.user_id)


async def update_preferences_for_user(call: ApiCall, request: pb.UpdatePreferencesForUserRequest) -> None:
    wanted = [Preference.from_proto(preference) for preference in request.preferences]
    await call.workspace.preferences.update(request.user_id, wanted)


async def delete_preferences_for_user(call: ApiCall, request: pb.DeletePreferencesForUserRequest) -> None:
    unwanted = [Preference.from_proto(preference) for preference in request.preferences]
    await call.workspace.preferences.delete(request.user_id, unwanted)
