"""Which plugins there are, and how they are run."""

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
    Names,
    Paths,
    Ports,
    ReplicaCounts,
    Seconds,
    SecondsOrZero,
    Size,
    Source,
    Strings,
    Targets,
    Times,
    Transport,
    Users,
)
from servehttp.settings.limits import OwnLimits
from servehttp.settings.remote import RemotePlugins


class PluginSettings(Group):
    """Which plugins there are, and how they are started, watched and stopped."""

    paths: Paths = Field(default=(), description="Plugin folders, or folders of plugin folders.")
    attach: Targets = Field(
        default_factory=dict,
        description="Plugins that run already and are never started or killed, as ID=unix:PATH, ID=HOST:PORT on this "
        "machine, or ID=tls:HOST:PORT; ID=plaintext:HOST:PORT for another machine without TLS; one plugin may be at "
        "several places.",
    )
    remote: RemotePlugins = Field(
        default_factory=dict,
        description="Plugins that others start, on other machines mostly: a table for each id, with target "
        "(dns:///NAME:PORT, dns:///_SERVICE._tcp.NAME, or a list of HOST:PORT), name (in the endpoints' certificates, "
        "if not that of the target), and plaintext = true for no TLS; elsewhere ID=TARGET, or ID=plaintext:TARGET.",
    )
    dns_server: Address | None = Field(
        default=None, description="The server that is asked where they are, as ADDRESS:PORT; else the system's."
    )
    dns_timeout: Seconds = Field(default=3, description="Seconds that one question to it may take.")
    dns_least_ttl: Seconds = Field(
        default=1, description="Least seconds from one question to the next; its pace while nothing is answered."
    )
    dns_most_ttl: Seconds = Field(
        default=30, description="Most seconds from one question to the next, however long an answer may be believed."
    )
    keepalive: Seconds = Field(
        default=10,
        ge=4,
        description="Seconds without a sign of life of another machine after which a connection to a plugin is lost.",
    )
    tls_ca: Path | None = Field(
        default=None,
        description="Certificates (PEM) of the CAs that remote plugins, and those at tls:HOST:PORT, are known by; else "
        "the system's.",
    )
    tls_cert: Path | None = Field(
        default=None, description="The gateway's own certificate (PEM), for those plugins that ask for one."
    )
    tls_key: Path | None = Field(default=None, description="The key (PEM, not encrypted) of plugins.tls_cert.")
    tls_names: Names = Field(
        default_factory=dict,
        description="Names in the certificates of plugins at tls:HOST:PORT, where they are not HOST, as ID=NAME.",
    )
    users: Users = Field(
        default_factory=dict,
        description="Users that plugins run as, as ID=USER, if the gateway is root; others run as the gateway's user.",
    )
    replicas: ReplicaCounts = Field(
        default_factory=dict,
        description="Processes that plugins run in, as ID=N with N up to 64; for others their manifest says it.",
    )
    transport: Transport = Field(
        default="auto",
        description="Way across to plugins: auto tries the tunnel and falls back to the contract's ServeHTTP.",
    )
    limits: OwnLimits = Field(
        default_factory=dict,
        description="What a plugin has for itself of the limits max_body_size, max_exchanges, first_byte_timeout and "
        "idle_timeout: a table for each id in the file, and elsewhere ID.LIMIT=VALUE.",
    )
    start_timeout: Seconds = Field(
        default=30,
        description="Seconds from a plugin's start to its handshake; more beside others, and doubled after a time-out.",
    )
    start_timeouts: Times = Field(
        default_factory=dict, description="The same for some plugins, in place of start_timeout, as ID=SECONDS."
    )
    connect_timeout: Seconds = Field(default=5, description="Seconds to connect to a plugin that listens.")
    hook_timeout: Seconds = Field(default=30, description="Seconds a hook such as OnActivate may take.")
    health_interval: Seconds = Field(default=10, description="Seconds between two health checks.")
    health_timeout: Seconds = Field(default=5, description="Seconds a health check may take.")
    health_failures: Count = Field(
        default=3, description="Failed health checks in a row after which a plugin counts as lost."
    )
    restart_delay: SecondsOrZero = Field(
        default=0.5, description="Seconds before the first restart; doubled for each further one."
    )
    restart_delay_max: SecondsOrZero = Field(default=30, description="Longest delay before a restart, in seconds.")
    restart_limit: Count = Field(default=3, description="Failures within the window after which a plugin stays down.")
    restart_window: Seconds = Field(default=3600, description="Seconds for which a failure counts towards the limit.")
    restart_good_service: Seconds = Field(
        default=3600, description="Seconds of service after which a plugin is restarted without delay, once."
    )
    stop_timeout: SecondsOrZero = Field(default=5, description="Seconds from SIGTERM to SIGKILL.")
    drain_timeout: SecondsOrZero = Field(
        default=5, description="Seconds that open requests of a plugin may go on before it is told to stop."
    )
    reload: bool = Field(
        default=False,
        description="Replace a plugin when a file of its own changes; the old version serves until the new one runs.",
    )
    debugpy: Ports = Field(
        default_factory=dict,
        description="Plugins that are started under debugpy, which they need in their environment, and the port of "
        "127.0.0.1 at which a debugger connects to each, as ID=PORT; such a one is stopped before it is replaced.",
    )
    install_dependencies: Source = Field(
        default="always",
        description="Where packages come from that installed plugins need: bundled is wheels in their bundle alone, "
        "always the index that pip is configured for as well, never that none are installed.",
    )
    install_timeout: Seconds = Field(default=600, description="Seconds that installing them may take.")
    env_allow: Strings = Field(
        default=(),
        description="Environment variables that plugins get besides the usual ones: names, or patterns such as AWS_*.",
    )
    origin_cookies: Strings = Field(
        default=(),
        description="Ids of plugins whose cookies keep path and domain; those of others are for their plugin alone.",
    )
    stderr_tail_lines: Count = Field(default=20, description="Last lines of stderr kept to explain why a plugin ended.")
    output_line_limit: Size = Field(
        default=ByteSize(8 * 1024), description="Longest line of a plugin's output that is logged whole, in bytes."
    )

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: a certificate and its key")
        return self

    @model_validator(mode="after")
    def _check_delays(self) -> Self:
        if self.restart_delay_max < self.restart_delay:
            raise ValueError(
                f"restart_delay_max ({self.restart_delay_max:g}) is less than restart_delay ({self.restart_delay:g})"
            )
        return self
