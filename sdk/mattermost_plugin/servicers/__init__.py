"""The gRPC services of a plugin process, apart from the tunnel and health."""
