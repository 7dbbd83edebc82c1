"""The API clients' parts. `mattermost_plugin.client` and `mattermost_plugin.async_client` put them together."""
