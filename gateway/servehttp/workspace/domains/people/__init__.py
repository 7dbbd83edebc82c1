"""Who uses the workspace: users, bots, sessions, tokens, roles, groups."""
