"""Properties that plugins attach to things: fields, groups, values."""
