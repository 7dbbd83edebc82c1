"""The plugin API over the workspace: the gRPC service that plugins call."""
