"""The options that the operator's commands share, and the settings that they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from servehttp.errors import SettingsError
from servehttp.settings.sources import COMMAND_LINE, CONFIG_VARIABLE, Sources, every_setting
from servehttp.workspace.settings import Settings

SETTINGS = dict(every_setting(Settings))


def setting_option(setting: str, *names: str, panel: str, metavar: str | None = None) -> Any:
    """An option for a setting; its help and default are the setting's own."""
    field = SETTINGS[setting]
    default = field.get_default(call_default_factory=True)
    text = str(field.description)
    if default not in (None, (), {}):
        shown = default if not isinstance(default, bool) else "on" if default else "off"
        text += rf" [dim]\[default: {shown}][/dim]"
    return typer.Option(*names, help=text, show_default=False, metavar=metavar, rich_help_panel=panel)


ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="TOML file with settings.",
        metavar="FILE",
        envvar=CONFIG_VARIABLE,
        rich_help_panel="Configuration",
    ),
]
DataDirOption: TypeAlias = Annotated[
    Path | None, setting_option("data_dir", "--data-dir", panel="Configuration", metavar="FOLDER")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]


@dataclass(frozen=True)
class GivenSettings:
    """What a command was told of the settings.

    Attributes:
        config: a TOML file.
        options: what the command line says, by the settings' dotted names; None says nothing.
    """

    config: Path | None
    options: Mapping[str, object]

    def load(self) -> Settings:
        """The settings; a bad value on the command line is wrong usage.

        Raises:
            SettingsError: a bad value from elsewhere.
        """
        try:
            return self.read()
        except SettingsError as error:
            if error.where == COMMAND_LINE:
                raise typer.BadParameter(error.problem) from error
            raise

    def read(self) -> Settings:
        """The settings, read anew.

        Raises:
            SettingsError: a bad value.
        """
        return Settings.load(self.config, **self._overrides())

    def sources(self) -> Sources:
        """Where they come from.

        Raises:
            SettingsError: the file cannot be read.
        """
        return Sources.read(Settings, self.config, self._overrides())

    def _overrides(self) -> dict[str, Any]:
        overrides: dict[str, Any] = {}
        for setting, value in self.options.items():
            if value is not None:
                *group, name = setting.split(".")
                table = overrides.setdefault(group[0], {}) if group else overrides
                table[name] = value
        return overrides


def load_settings(config: Path | None, options: Mapping[str, object]) -> Settings:
    """The settings of a command; see `GivenSettings`."""
    return GivenSettings(config, options).load()
