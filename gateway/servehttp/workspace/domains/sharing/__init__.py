"""Channels that are shared with other workspaces."""
