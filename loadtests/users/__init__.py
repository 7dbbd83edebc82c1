"""Locust users for examples/bench and examples/streaming, and what they are measured by."""
