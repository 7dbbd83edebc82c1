"""All settings of the gateway by itself, without those of a workspace."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Self

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from servehttp.settings.limits import LimitSettings
from servehttp.settings.plugins import PluginSettings
from servehttp.settings.server import ConsoleSettings, LogSettings, MetricsSettings, ServerSettings, TracingSettings
from servehttp.settings.sources import ENV_DELIMITER, ENV_PREFIX, gather


class GatewaySettings(BaseSettings):
    """Settings of the gateway by itself. Frozen; they read nothing from outside unless they are made by `load`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
    )

    data_dir: Path = Field(
        default=Path(".servehttp"), description="Folder for what the gateway keeps; made when something is put there."
    )
    server: ServerSettings = ServerSettings()
    metrics: MetricsSettings = MetricsSettings()
    console: ConsoleSettings = ConsoleSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogSettings = LogSettings()
    plugins: PluginSettings = PluginSettings()
    limits: LimitSettings = LimitSettings()

    @property
    def has_console(self) -> bool:
        """Whether there is the console: not by accident where others than those on this machine could reach it."""
        if self.console.enabled is not None:
            return self.console.enabled
        server = self.server
        return server.uds is None and server.fd is None and not server.forwarded_allow_ips and _is_loopback(server.host)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in counts: `load` gathers the rest, so that an error can tell where a value came from."""
        return (init_settings,)

    @classmethod
    def load(cls, config: Path | None = None, **overrides: Any) -> Self:
        """Gather the settings: from the command line, else the environment, else a TOML file, else their defaults.

        Args:
            config: a TOML file.
            overrides: what the command line says, nested as the settings are: `server={"port": 80}`.

        Raises:
            SettingsError: a file that cannot be read, a name that does not exist, or a value that cannot be used.
        """
        return gather(cls, config, overrides)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
