"""What plugins add and keep: commands, dialogs, keys and values, requests to one another."""
