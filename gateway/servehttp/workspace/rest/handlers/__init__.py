"""The handlers of the routes, by domain: every module lists its own in `ROUTES`."""
