"""What is run for the figures, by the names that the measures use. What is new gets a module here, and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from harness.experiments import bodies, calls, events, foreign, lifetimes, observed, replicas, requests, websockets
from harness.experiments.turns import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    "small": Experiment("GET /json, 64 connections", requests.small),
    "single": Experiment("GET /json, 1 connection", requests.single),
    "headers": Experiment("GET /json, 64 connections, 14 browser headers and a 1 KiB cookie", requests.headers),
    "varied": Experiment(
        "GET /json, 64 connections, a query, a cookie and a trace id that differ each time", requests.varied
    ),
    "posts": Experiment("POST of 100 bytes, 64 connections", requests.posts),
    "bulk": Experiment("256 MiB over one connection", bodies.transfer),
    "neighbours": Experiment("GET /json, 8 connections", bodies.neighbours),
    "events": Experiment("Server-sent events, 1,000 clients, 10 events/s each", events.server_sent),
    "foreign": Experiment("ServeHTTP of a plugin of gRPC's own library, 64 at once", foreign.serve_http),
    "echo": Experiment("Messages that come back, 32 WebSockets", websockets.echo),
    "round_trip": Experiment("Messages that come back, 1 WebSocket", websockets.round_trip),
    "calls": Experiment("API calls and hooks over a unix socket, one at a time or 64", calls.beside_bare_calls),
    "replicas": Experiment("GET /burn, 5 ms of CPU each, 16 connections", replicas.computing),
    "observed": Experiment("GET /json, 64 connections, of a gateway that is watched", observed.observed),
    "idle": Experiment("A process with the application, idle", lifetimes.idle),
    "memory": Experiment("1,000 idle clients of server-sent events", lifetimes.memory),
    "start": Experiment("From start to ready", lifetimes.start),
}
