"""What sides and quantities are called in tables. A side whose name is not here has one that people can read."""

from __future__ import annotations

SIDES = {
    "uvicorn": "uvicorn alone",
    "nginx": "nginx → uvicorn",
    "granian": "Granian alone",
    "gateway": "gateway",
    "pure": "gateway, pure Python",
    "workers": "gateway, --workers 2",
    "ceiling": "nginx that answers by itself",
    "servehttp": "gateway, one RPC per request",
    "quiet": "gateway",
    "busy": "gateway, beside 1 GiB down and 1 GiB up",
    "one": "gateway, 1 plugin",
    "twenty": "gateway, 20 plugins",
    "metrics": "gateway, metrics asked for each second",
    "traced": "gateway, every request traced",
    "plugin": "a plugin of the gateway",
}
QUANTITIES = {
    "rps": "requests/s",
    "p50": "p50, µs",
    "p95": "p95, µs",
    "p99": "p99, µs",
    "cpu": "CPU per request, µs",
    "download": "download, MB/s",
    "upload": "upload, MB/s",
    "events": "events/s",
    "event_cpu": "CPU per event, µs",
    "lag_p50": "events' lag, p50, µs",
    "lag_p99": "events' lag, p99, µs",
    "messages": "messages/s",
    "trip_p50": "round trip, p50, µs",
    "trip_p99": "round trip, p99, µs",
    "message_cpu": "CPU per message, µs",
    "client": "clients' share of a core, %",
    "call": "a call, µs",
    "calls": "calls/s",
    "memory": "memory, MiB",
    "per_client": "memory per client, KiB",
    "seconds": "seconds",
}


def side_title(side: str) -> str:
    """What people call a side."""
    return SIDES.get(side, side)


def quantity_title(quantity: str) -> str:
    """What people call a quantity, with its unit."""
    return QUANTITIES.get(quantity, quantity)
