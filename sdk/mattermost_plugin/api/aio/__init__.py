"""The client for asyncio, by domain."""
