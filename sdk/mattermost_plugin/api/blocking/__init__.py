"""The blocking client, by domain."""
