"""Plugins as the gateway sees them: manifests, processes, supervision, links."""
