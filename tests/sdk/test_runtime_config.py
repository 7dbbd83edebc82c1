"""What the environment says, and what becomes of nonsense."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from mattermost_plugin import RuntimeConfig, load_runtime_config
from mattermost_plugin import runtime_config as names

NAMES = (
    names.ENV_PLUGIN_ID,
    names.ENV_API_TARGET,
    names.ENV_PLUGIN_PATH,
    names.ENV_HOOK_TIMEOUT,
    names.ENV_LOG_LEVEL,
    names.ENV_LOG_LEVEL_ALIAS,
    names.ENV_REPLICA,
)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_the_defaults() -> None:
    assert load_runtime_config() == RuntimeConfig() == RuntimeConfig("", "127.0.0.1:50051", "", 30.0, "INFO")


def test_everything_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(NAMES, ("com.example", "127.0.0.1:9", "/srv/p", "2.5", "debug", "ERROR", "3"), strict=True):
        monkeypatch.setenv(name, value)
    assert RuntimeConfig.from_env() == RuntimeConfig("com.example", "127.0.0.1:9", "/srv/p", 2.5, "DEBUG", replica=3)


def test_the_other_name_of_the_log_level_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_LOG_LEVEL_ALIAS, "WARNING")
    assert RuntimeConfig.from_env().log_level == "WARNING"


@pytest.mark.parametrize("text", ["soon", "", "0", "-1", "nan", "inf"])
def test_a_time_out_that_is_none_gives_a_warning_and_the_default(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(names.ENV_HOOK_TIMEOUT, text)
    assert RuntimeConfig.from_env().hook_timeout == 30.0
    assert names.ENV_HOOK_TIMEOUT in caplog.text


@pytest.mark.parametrize("text", ["first", "", "0", "-1", "1.5", "9" * 99])
def test_a_replica_that_is_none_gives_a_warning_and_is_the_first(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(names.ENV_REPLICA, text)
    assert RuntimeConfig.from_env().replica == 1
    assert "no number of a replica" in caplog.text


def test_an_unknown_log_level_gives_a_warning_and_the_default(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(names.ENV_LOG_LEVEL, "chatty")
    assert RuntimeConfig.from_env().log_level == "INFO"
    assert "'chatty', which is no log level" in caplog.text


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RuntimeConfig().plugin_id = "x"  # type: ignore[misc]  # the error is the point


def test_logging_is_configured_on_request_only(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        RuntimeConfig(log_level="WARNING").configure_logging()
        logging.getLogger("mine").info("not shown")
        logging.getLogger("mine").warning("shown")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert capsys.readouterr().err.splitlines()[0].endswith("WARNING  mine: shown")
