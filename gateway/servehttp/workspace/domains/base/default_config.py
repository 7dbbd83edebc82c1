"""The configuration that a workspace begins with: those of Mattermost's settings that plugins look up, by section.

It tells plugins what this workspace is like. What can be set acts: it is in `SETTABLE`. Whatever else somebody sets is
refused, since the workspace has no such thing, or has it in the settings of the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_CONFIG: Mapping[str, Mapping[str, Any]] = {
    "ServiceSettings": {
        "SiteURL": "",
        "EnableCommands": True,
        "EnablePostUsernameOverride": True,
        "EnablePostIconOverride": True,
        "EnableBotAccountCreation": True,
        "EnableUserAccessTokens": True,
        "EnableOAuthServiceProvider": True,
        "EnableCustomEmoji": True,
        "EnableIncomingWebhooks": True,
        "EnableOutgoingWebhooks": True,
        "DisableBotsWhenOwnerIsDeactivated": False,
        "ThreadAutoFollow": True,
        "CollapsedThreads": "always_on",
    },
    "TeamSettings": {
        "SiteName": "Workspace",
        "MaxUsersPerTeam": 50,
        "MaxChannelsPerTeam": 2000,
        "EnableOpenServer": False,
        "EnableUserCreation": True,
        "TeammateNameDisplay": "username",
        "LockTeammateNameDisplay": False,
    },
    "SqlSettings": {"DriverName": "", "DataSource": "", "AtRestEncryptKey": ""},
    "LogSettings": {"EnableConsole": True, "ConsoleLevel": "INFO"},
    "FileSettings": {
        "EnableFileAttachments": True,
        "EnablePublicLink": False,
        "MaxFileSize": 104857600,
        "DriverName": "local",
        "PublicLinkSalt": "",
        "AmazonS3SecretAccessKey": "",
    },
    "EmailSettings": {
        "SendEmailNotifications": False,
        "SMTPServer": "",
        "SMTPPort": "25",
        "SMTPUsername": "",
        "SMTPPassword": "",
        "SMTPServerTimeout": 10,
        "EnableSMTPAuth": False,
        "ConnectionSecurity": "",
        "SkipServerCertificateVerification": False,
        "FeedbackName": "",
        "FeedbackEmail": "",
        "ReplyToAddress": "",
        "SendPushNotifications": False,
        "PushNotificationServer": "",
        "PushNotificationContents": "full",
    },
    "GitLabSettings": {"Enable": False, "Id": "", "Secret": ""},
    "GoogleSettings": {"Enable": False, "Id": "", "Secret": ""},
    "Office365Settings": {"Enable": False, "Id": "", "Secret": ""},
    "OpenIdSettings": {"Enable": False, "Id": "", "Secret": ""},
    "LdapSettings": {"Enable": False, "BindPassword": ""},
    "ElasticsearchSettings": {"EnableIndexing": False, "Password": ""},
    "MessageExportSettings": {"EnableExport": False, "GlobalRelaySettings": {"SMTPPassword": ""}},
    "PrivacySettings": {"ShowEmailAddress": True, "ShowFullName": True},
    "LocalizationSettings": {"DefaultServerLocale": "en", "DefaultClientLocale": "en", "AvailableLocales": ""},
    "ClusterSettings": {"Enable": False},
    "PluginSettings": {"Enable": True, "EnableUploads": True, "Plugins": {}, "PluginStates": {}},
    "ExperimentalSettings": {"EnableSharedChannels": True, "EnableRemoteClusterService": True},
}

SETTABLE: Mapping[str, frozenset[str]] = {
    "ServiceSettings": frozenset({
        "SiteURL", "EnableCommands", "EnablePostUsernameOverride", "EnablePostIconOverride", "EnableBotAccountCreation",
        "EnableUserAccessTokens", "EnableCustomEmoji",
    }),
    "TeamSettings": frozenset({
        "SiteName", "MaxUsersPerTeam", "MaxChannelsPerTeam", "EnableOpenServer", "EnableUserCreation",
        "TeammateNameDisplay",
    }),
    "FileSettings": frozenset({"EnableFileAttachments", "EnablePublicLink"}),
    "EmailSettings": frozenset({
        "SMTPServer", "SMTPPort", "SMTPUsername", "SMTPPassword", "SMTPServerTimeout", "EnableSMTPAuth",
        "ConnectionSecurity", "SkipServerCertificateVerification", "FeedbackName", "FeedbackEmail", "ReplyToAddress",
    }),
    "PrivacySettings": frozenset({"ShowEmailAddress", "ShowFullName"}),
    "PluginSettings": frozenset({"Plugins"}),
}  # fmt: skip
"""Settings that act. SiteName and TeammateNameDisplay do so in clients, which are told of them."""
