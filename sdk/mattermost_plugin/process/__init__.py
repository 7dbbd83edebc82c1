"""The process of a plugin: its server, streams, logs, signals, event loop and memory."""
