"""Where and how the gateway listens, and what it logs."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import (
    ByteSize,
    Field,
    model_validator,
)

from servehttp.settings.kinds import (
    Address,
    Count,
    Group,
    HttpParser,
    LogFormat,
    LogLevel,
    LogLevels,
    Networks,
    RootPath,
    Seconds,
    SecondsOrZero,
    Size,
)


class ServerSettings(Group):
    """Where and how the gateway listens."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 or :: means every interface.")
    port: int = Field(default=8065, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    uds: Path | None = Field(default=None, description="Unix socket to listen on instead of host and port.")
    fd: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="File descriptor of a socket that listens already, instead of host and port or a path.",
    )
    ssl_certfile: Path | None = Field(
        default=None,
        description="Certificate (PEM) by which clients are served https, followed by those between it and its CA.",
    )
    ssl_keyfile: Path | None = Field(
        default=None,
        description="The key (PEM, not encrypted) of server.ssl_certfile; without it that file has the key.",
    )
    ssl_ca_certs: Path | None = Field(
        default=None,
        description="Certificates (PEM) of CAs, of which every client then has to show a certificate.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that serve HTTP on the one port; if several, one more supervises them and the plugins.",
    )
    http: HttpParser = Field(
        default="auto",
        description="HTTP parser: auto takes httptools where it is installed, h11 is the pure Python one.",
    )
    forwarded_allow_ips: Networks = Field(
        default=(),
        description="Proxies whose X-Forwarded-* and Forwarded are believed: addresses, networks, or * for every peer.",
    )
    root_path: RootPath = Field(
        default="",
        description="Prefix under which a proxy publishes the gateway and that it takes off before it forwards.",
    )
    max_connections: int = Field(
        default=0,
        ge=0,
        description="Connections that one process keeps open (503 beyond); 0 for 3/4 of the files that it may open.",
    )
    drain_timeout: SecondsOrZero = Field(
        default=10, description="Seconds that open requests and WebSockets may go on after SIGTERM."
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_ca_certs):
            raise ValueError("ssl_keyfile and ssl_ca_certs are for TLS, which needs ssl_certfile")
        return self


class MetricsSettings(Group):
    """What is told to Prometheus."""

    listen: Address | None = Field(
        default=None,
        description="HOST:PORT where whoever can reach it is told all figures, at /metrics; without it nobody is.",
    )
    timeout: Seconds = Field(
        default=2, description="Seconds that workers have to tell their figures; who is late counts as it last did."
    )
    plugin_timeout: Seconds = Field(
        default=1,
        description="Seconds that plugins have to tell metrics of their own; those of one that is late are missing.",
    )
    plugin_size: Size = Field(
        default=ByteSize(1024 * 1024),
        description="Most bytes of the metrics of one plugin's process; beyond it none are told.",
    )
    plugin_series: Count = Field(
        default=5000, description="Most time series of one plugin's process; beyond it none are told."
    )


class ConsoleSettings(Group):
    """The console, for administrators, and the API beside it."""

    enabled: bool | None = Field(
        default=None,
        description="Whether there is the console at /console/; unless set, only on a loopback address and without "
        "proxies in server.forwarded_allow_ips.",
    )
    interval: Seconds = Field(
        default=10, description="Seconds between two of the 360 samples that are kept of each plugin's figures."
    )
    session_time: Seconds = Field(
        default=43200, description="Seconds for which a link that was used signs in, where there is no workspace."
    )


class TracingSettings(Group):
    """What is traced; where to and how much of it, OpenTelemetry's own variables say (OTEL_…)."""

    enabled: bool = Field(
        default=False,
        description="Whether gateway and plugins have spans for requests, hooks and API calls; needs servehttp[otel].",
    )
    server_timing: bool = Field(
        default=False,
        description="Whether plugins' responses say in Server-Timing what gateway and plugin took before they began.",
    )


class LogSettings(Group):
    """What is logged, on standard error."""

    level: LogLevel = Field(default="info", description="Least level that is logged.")
    levels: LogLevels = Field(
        default_factory=dict,
        description="The same for what some plugins say, in place of level, as ID=LEVEL; it can be changed meanwhile.",
    )
    format: LogFormat = Field(
        default="auto",
        description="console is for people, json one object a line; auto is console on a terminal, else json.",
    )
    access: bool = Field(default=True, description="Whether each request is logged.")
