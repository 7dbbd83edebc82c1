"""Of settings that are read again, what can change does, and everything else stays and is named."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from servehttp.errors import SettingsError
from servehttp.rereading import reread
from servehttp.settings.changes import CHANGEABLE, changes
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.sources import every_setting
from servehttp.workspace.settings import Settings

pytestmark = pytest.mark.anyio


def settings(**groups: dict[str, Any]) -> Settings:
    return Settings.model_validate(groups)


def test_what_can_change_does_and_the_rest_stays() -> None:
    before = settings(log={"level": "info"}, server={"port": 1}, workspace={"session_hours": 1})
    read = settings(
        log={"level": "debug"},
        server={"port": 2, "forwarded_allow_ips": ["10.0.0.0/8"]},
        limits={"max_exchanges": 5},
        workspace={"session_hours": 2},
    )
    found = changes(before, read)
    assert set(found.changed) == {"log.level", "server.forwarded_allow_ips", "limits.max_exchanges"}
    assert set(found.fixed) == {"server.port", "workspace.session_hours"}
    assert (found.settings.log.level, found.settings.limits.max_exchanges) == ("debug", 5)
    assert (found.settings.server.port, found.settings.server.forwarded_allow_ips) == (1, ("10.0.0.0/8",))
    assert isinstance(found.settings, Settings)
    assert found.settings.workspace.session_hours == 1


def test_equal_settings_change_nothing() -> None:
    found = changes(Settings(), Settings())
    assert (found.settings, found.changed, found.fixed) == (Settings(), (), ())


def test_all_that_can_change_are_settings() -> None:
    assert {name for name, _ in every_setting(Settings)} >= CHANGEABLE


async def test_each_setting_that_cannot_change_is_a_line_of_the_log() -> None:
    changed: list[GatewaySettings] = []
    read = settings(server={"port": 2, "workers": 3}, limits={"max_exchanges": 5})
    with capture_logs() as logged:
        await reread(settings(), lambda: read, changed.append)
    assert [line["setting"] for line in logged if line["log_level"] == "warning"] == ["server.port", "server.workers"]
    assert [line["changed"] for line in logged if "changed" in line] == [["limits.max_exchanges"]]
    assert changed[-1].limits.max_exchanges == 5


async def test_settings_that_cannot_be_read_change_nothing() -> None:
    def read() -> Settings:
        raise SettingsError("/etc/servehttp.toml", "is not valid TOML")

    changed: list[GatewaySettings] = []
    with capture_logs() as logged:
        await reread(settings(), read, changed.append)
    [line] = logged
    assert (line["log_level"], line["error"]) == ("error", "/etc/servehttp.toml: is not valid TOML")
    assert not changed
