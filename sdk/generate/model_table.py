"""What the models add to the messages they are made from: names, modules, and where they differ from the wire."""

from __future__ import annotations

MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "common": ("What several domains share.", ("AppError", "ViewUsersRestrictions")),
    "teams": (
        "Teams and their members.",
        ("Team", "TeamMember", "TeamMemberWithError", "TeamUnread", "TeamStats"),
    ),
    "users": (
        "Users, and how they log in.",
        ("User", "UserStatus", "CustomStatus", "UserAuth", "Session", "UserAccessToken"),
    ),
    "channels": (
        "Channels, their members, and users' sidebars.",
        (
            "ChannelBannerInfo",
            "Channel",
            "ChannelMember",
            "ChannelStats",
            "SidebarCategoryWithChannels",
            "OrderedSidebarCategories",
        ),
    ),
    "files": ("Files and uploads.", ("FileInfo", "FileData", "UploadSession")),
    "posts": (
        "Posts, reactions, searches and emoji.",
        (
            "Reaction",
            "PostEmbed",
            "PostImage",
            "PostPriority",
            "PostAcknowledgement",
            "PostMetadata",
            "Post",
            "PostList",
            "SearchParams",
            "SearchParameter",
            "PostSearchResults",
            "Emoji",
        ),
    ),
    "commands": ("Slash commands.", ("Command", "CommandArgs", "CommandResponse")),
    "integrations": (
        "Bots, OAuth applications and preferences.",
        ("Bot", "BotPatch", "BotGetOptions", "OAuthApp", "Preference"),
    ),
    "plugins": (
        "Plugins, and what they store.",
        ("Manifest", "PluginStatus", "PluginKVSetOptions", "PluginContext", "PluginClusterEvent", "OnInstallEvent"),
    ),
    "groups": ("Groups, and what is linked to them.", ("Group", "GroupMember", "GroupSyncable", "GroupSearchOpts")),
    "shared_channels": (
        "Channels that other servers take part in.",
        ("SharedChannel", "RemoteCluster", "SyncMsgJson", "SyncResponse"),
    ),
    "properties": ("Typed fields with values.", ("PropertyField", "PropertyValue", "PropertyGroup")),
    "notifications": (
        "What reaches users and their clients: dialogs, mail, push notifications, WebSocket messages.",
        (
            "DialogElement",
            "Dialog",
            "OpenDialogRequest",
            "PushNotification",
            "EmailNotificationJson",
            "EmailNotificationContent",
            "WebsocketBroadcast",
            "WebSocketRequest",
        ),
    ),
    "server": (
        "The server: configuration, limits, logins and audit.",
        (
            "ConfigJson",
            "FilesLimits",
            "MessagesLimits",
            "TeamsLimits",
            "ProductLimits",
            "SamlAssertionInfoJson",
            "AuditRecord",
        ),
    ),
}
"""The models of each module. A module may use those of the ones before it."""

FLATTENED = {
    "ChannelMemberIdentifier": "a pair of ids",
    "CreateDefaultMembershipParams": "parameters of create_default_syncable_memberships",
    "DialogElementOption": "a dict of text and value, as in the reference",
    "GetFileInfosOptions": "parameters of get_file_infos",
    "GetPostsSinceForSyncCursor": "parameters of update_shared_channel_cursor",
    "KeyValuePair": "keyword arguments of log_debug and its like",
    "PluginClusterEventSendOptions": "parameters of publish_plugin_cluster_event",
    "PropertyFieldSearchOpts": "parameters of search_property_fields",
    "PropertyValueSearchOpts": "parameters of search_property_values",
    "RegisterPluginOpts": "parameters of register_plugin_for_shared_channels",
    "RequestContext": "never filled by a host",
    "StringList": "a list of texts",
}
"""Messages that are no models, and what they are instead."""

NAMES = {"UserStatus": "Status"}
"""Models that are called otherwise than their messages."""

FIELD_NAMES = {("OAuthApp", "mattermostAppId"): "mattermost_app_id"}

ORDER = {
    "User": (
        "id username email create_at update_at delete_at email_verified nickname first_name last_name position roles"
        " locale timezone is_bot bot_description auth_data auth_service props notify_props last_password_update"
        " last_picture_update failed_attempts mfa_active remote_id last_activity_at bot_last_icon_update"
        " terms_of_service_id terms_of_service_create_at disable_welcome_email last_login"
    ),
    "Team": "id display_name name create_at update_at delete_at description email",
    "Channel": "id team_id display_name name create_at update_at delete_at type header purpose",
    "Post": "id channel_id user_id message create_at update_at edit_at delete_at is_pinned root_id original_id",
}
"""The fields that the reference has in another order than the wire; the rest follows as on the wire."""

LAST = {
    "User": ("password", "allow_marketing", "mfa_secret"),
    "Session": ("team_members",),
    "Channel": ("banner_info",),
    "Post": ("participants", "metadata"),
    "PostList": ("first_inaccessible_post_time",),
    "PushNotification": (
        "cont_ava",
        "override_username",
        "override_icon_url",
        "from_webhook",
        "version",
        "is_crt",
        "sub_type",
    ),
}
"""Fields that the reference lacks; they come after its own, so that positional arguments mean the same."""

DEFAULTS = {
    ("UserAccessToken", "is_active"): "True",
    ("Team", "type"): '"O"',
    ("Channel", "type"): '"O"',
    ("UploadSession", "type"): '"attachment"',
    ("BotGetOptions", "per_page"): "60",
    ("Command", "method"): '"P"',
}

CODECS = {
    ("PluginKVSetOptions", "old_value"): "empty_as_none",
    ("DialogElement", "options"): "dialog_options",
    ("PostSearchResults", "matches"): "string_lists",
}
"""Fields with a way of their own between the wire and the model; model_code.py has it."""

SECRETS = {("User", "password"), ("User", "mfa_secret"), ("Session", "token"), ("UserAccessToken", "token")} | {
    ("OAuthApp", "client_secret"),
    ("Command", "token"),
    ("RemoteCluster", "token"),
    ("RemoteCluster", "remote_token"),
}
"""Left out of a model's repr, which ends up in logs."""

DOCS = {
    "AuditRecord": "Who did what, from where, and what came of it.",
    "Bot": "A user that a plugin or a user owns.",
    "BotGetOptions": "Which bots to get.",
    "Channel": "A place for posts: public or private in a team, direct between two users, or of a small group.",
    "ChannelMember": "One user's membership in a channel, with what they have not read.",
    "ChannelStats": "How much a channel holds.",
    "CommandResponse": "What a slash command answers.",
    "Dialog": "A form.",
    "DialogElement": "One field of a form.",
    "Emoji": "A custom emoji; `get_emoji_image` has its image.",
    "FileInfo": "What is known of a file.",
    "FilesLimits": "What a cloud plan allows for files.",
    "Group": "A group of users that can be mentioned, or linked to teams and channels.",
    "GroupMember": "One user's membership in a group.",
    "MessagesLimits": "What a cloud plan allows for messages.",
    "OAuthApp": "An OAuth 2.0 application that uses the server to log in.",
    "OnInstallEvent": "An installation of the plugin.",
    "OpenDialogRequest": "A form to open, and where its answer goes.",
    "OrderedSidebarCategories": "A user's sidebar in a team.",
    "PluginClusterEvent": "An event from the same plugin on another node.",
    "PluginKVSetOptions": "Conditions and expiry of a value to store.",
    "PluginStatus": "Whether a plugin runs.",
    "Post": "A message in a channel.",
    "PostAcknowledgement": "One user's acknowledgement of a post.",
    "PostEmbed": "Something that a post shows besides its text.",
    "PostImage": "The size of an image in a post.",
    "PostPriority": "How urgent a post is.",
    "PostSearchResults": "Posts that were found, and why.",
    "PropertyField": "A typed field that targets can have values of.",
    "PropertyGroup": "A namespace for fields and values.",
    "PropertyValue": "The value of a field for a target.",
    "Reaction": "One user's emoji on a post.",
    "Session": "A login.",
    "SharedChannel": "A channel's being shared with remotes.",
    "SidebarCategoryWithChannels": "One category of a user's sidebar.",
    "Team": "A space with channels and members of its own.",
    "TeamMember": "One user's membership in a team.",
    "TeamStats": "How many members a team has.",
    "TeamsLimits": "What a cloud plan allows for teams.",
    "UploadSession": "An upload in pieces.",
    "UserAccessToken": "A personal access token.",
}
"""For messages that have no comment in their .proto file."""
