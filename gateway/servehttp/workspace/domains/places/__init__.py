"""Where people meet: teams, channels, their members, the sidebar, what is unread."""
