"""The roles that every workspace has, and what each permits, by Mattermost's names of permissions."""

from __future__ import annotations

from collections.abc import Mapping


def _names(text: str) -> list[str]:
    return text.split()


CHANNEL_GUEST = _names("""
    read_channel read_channel_content add_reaction remove_reaction upload_file edit_post create_post
    use_channel_mentions read_public_channel_groups read_private_channel_groups
""")

CHANNEL_USER = _names("""
    read_channel read_channel_content add_reaction remove_reaction manage_public_channel_members upload_file
    get_public_link create_post use_slash_commands use_channel_mentions use_group_mentions delete_public_channel
    delete_private_channel manage_public_channel_properties manage_private_channel_properties
    manage_private_channel_members delete_post edit_post read_public_channel_groups read_private_channel_groups
    add_bookmark_public_channel edit_bookmark_public_channel delete_bookmark_public_channel
    order_bookmark_public_channel add_bookmark_private_channel edit_bookmark_private_channel
    delete_bookmark_private_channel order_bookmark_private_channel
""")

CHANNEL_ADMIN = _names("""
    manage_channel_roles use_group_mentions add_bookmark_public_channel edit_bookmark_public_channel
    delete_bookmark_public_channel order_bookmark_public_channel add_bookmark_private_channel
    edit_bookmark_private_channel delete_bookmark_private_channel order_bookmark_private_channel
    manage_public_channel_members manage_private_channel_members convert_public_channel_to_private
    read_public_channel_groups read_private_channel_groups manage_channel_access_rules
""")

TEAM_USER = _names("""
    list_team_channels join_public_channels read_public_channel view_team create_public_channel
    create_private_channel invite_user add_user_to_team
""")

TEAM_ADMIN = _names("""
    remove_user_from_team manage_team import_team manage_team_roles manage_channel_roles manage_slash_commands
    manage_others_slash_commands manage_own_slash_commands manage_incoming_webhooks manage_own_incoming_webhooks
    manage_others_incoming_webhooks manage_outgoing_webhooks manage_own_outgoing_webhooks
    manage_others_outgoing_webhooks convert_public_channel_to_private convert_private_channel_to_public delete_post
    delete_others_posts read_public_channel_groups read_private_channel_groups
""")

SYSTEM_USER = _names("""
    list_public_teams join_public_teams create_direct_channel create_group_channel view_members create_team
    create_emojis delete_emojis create_custom_group edit_custom_group delete_custom_group restore_custom_group
    manage_custom_group_members
""")

SYSTEM_ADMIN_ONLY = _names("""
    manage_system manage_roles manage_jobs manage_oauth manage_system_wide_oauth manage_shared_channels
    manage_secure_connections manage_license_information edit_other_users edit_others_posts list_users_without_team
    promote_guest demote_to_guest invite_guest delete_others_emojis create_user_access_token read_user_access_token
    revoke_user_access_token create_bot assign_bot read_bots read_others_bots manage_bots manage_others_bots
    view_team list_private_teams join_private_teams create_post_public create_post_ephemeral remove_others_reactions
    get_analytics read_other_users_teams add_ldap_public_cert add_ldap_private_cert sysconsole_read_plugins
    sysconsole_write_plugins sysconsole_read_user_management_users sysconsole_write_user_management_users
""")

SYSTEM_ADMIN = sorted({*SYSTEM_USER, *SYSTEM_ADMIN_ONLY, *TEAM_USER, *TEAM_ADMIN, *CHANNEL_USER, *CHANNEL_ADMIN})

POST_ALL = _names("create_post use_channel_mentions use_group_mentions")
POST_ALL_PUBLIC = _names("create_post_public use_channel_mentions use_group_mentions")

DEFAULT_ROLES: Mapping[str, list[str]] = {
    "channel_admin": CHANNEL_ADMIN,
    "channel_guest": CHANNEL_GUEST,
    "channel_user": CHANNEL_USER,
    "system_admin": SYSTEM_ADMIN,
    "system_guest": _names("create_direct_channel create_group_channel"),
    "system_post_all": POST_ALL,
    "system_post_all_public": POST_ALL_PUBLIC,
    "system_user": SYSTEM_USER,
    "system_user_access_token": _names("create_user_access_token read_user_access_token revoke_user_access_token"),
    "team_admin": TEAM_ADMIN,
    "team_guest": ["view_team"],
    "team_post_all": POST_ALL,
    "team_post_all_public": POST_ALL_PUBLIC,
    "team_user": TEAM_USER,
}

SCOPES = ("system", "team", "channel")
"""Where a role holds. The name of each of the default roles begins with its scope."""


def is_of_scope(role: str, scope: str) -> bool:
    """Whether a role may be given in a scope, which those of other scopes may not."""
    begun = role.partition("_")[0]
    return begun == scope or begun not in SCOPES
