"""Settings come from command line, environment, file and defaults in this order, and mistakes are told plainly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from servehttp.errors import SettingsError
from servehttp.settings.sources import environment_name, every_setting
from servehttp.workspace.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.upper().startswith("SERVEHTTP_"):
            monkeypatch.delenv(variable)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def failure(config: Path | None = None, **overrides: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(config, **overrides)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_the_defaults_listen_on_loopback_and_trust_nobody() -> None:
    settings = Settings.load()
    assert (settings.server.host, settings.server.port, settings.server.forwarded_allow_ips) == ("127.0.0.1", 8065, ())
    assert settings == Settings()


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path / "a.toml", "[server]\nhost='1.1.1.1'\nport=1\nroot_path='/a'\n[plugins]\nhook_timeout=7")
    monkeypatch.setenv("SERVEHTTP_SERVER__HOST", "2.2.2.2")
    monkeypatch.setenv("SERVEHTTP_SERVER__PORT", "2")
    settings = Settings.load(config, server={"host": "3.3.3.3"})
    server = settings.server
    assert (server.host, server.port, server.root_path, settings.plugins.hook_timeout) == ("3.3.3.3", 2, "/a", 7)


def test_making_settings_directly_reads_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVEHTTP_SERVER__PORT", "9999")
    assert Settings().server.port == 8065


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().server.port = 1


def test_lists_maps_and_sizes_are_written_in_the_environment_as_people_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVEHTTP_PLUGINS__PATHS", "a, b/c")
    monkeypatch.setenv("SERVEHTTP_PLUGINS__ATTACH", "com.a=unix:/run/a.sock,com.b=[::1]:5000,com.a=tls:h:1")
    monkeypatch.setenv("SERVEHTTP_PLUGINS__REPLICAS", "Com.A=4, com.b=1")
    monkeypatch.setenv("SERVEHTTP_SERVER__FORWARDED_ALLOW_IPS", "10.0.0.0/8,::1")
    monkeypatch.setenv("SERVEHTTP_LIMITS__MAX_BODY_SIZE", "1 MiB")
    monkeypatch.setenv("SERVEHTTP_LOG__ACCESS", "off")
    monkeypatch.setenv("SERVEHTTP_SERVER__UDS", "")
    settings = Settings.load()
    assert settings.plugins.paths == (Path("a"), Path("b/c"))
    assert settings.plugins.attach == {"com.a": ("unix:/run/a.sock", "tls:h:1"), "com.b": ("[::1]:5000",)}
    assert settings.plugins.replicas == {"com.a": 4, "com.b": 1}
    assert settings.server.forwarded_allow_ips == ("10.0.0.0/8", "::1")
    assert settings.limits.max_body_size == 1024 * 1024
    assert settings.log.access is False
    assert settings.server.uds is None


def test_the_file_may_write_lists_and_maps_as_toml_does(tmp_path: Path) -> None:
    config = write(
        tmp_path / "a.toml",
        "data_dir = '/data'\n[plugins]\npaths = ['x']\nenv_allow = ['AWS_*']\n[plugins.attach]\n'com.a' = 'tls:h:1'\n"
        "'com.b' = ['tls:h:2', 'tls:h:3']\n",
    )
    settings = Settings.load(config)
    assert settings.plugins.paths == (Path("x"),)
    assert settings.plugins.env_allow == ("AWS_*",)
    assert settings.plugins.attach == {"com.a": ("tls:h:1",), "com.b": ("tls:h:2", "tls:h:3")}
    assert settings.data_dir == Path("/data")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nprot = 1", "there is no setting server.prot; did you mean server.port?"),
        ("[sever]\nport = 1", "there is no setting sever; did you mean server?"),
        ("port = 1", "there is no setting port"),
        ("server = 1", "server is a group of settings: write it as a table, [server]"),
        ("[server]\nport = 'x'", "server.port is 'x': input should be a valid integer"),
        ("[server\n", "is not valid TOML:"),
        ("a = " + "[" * 10_000, "is not valid TOML:"),
        ("[server]\nfd = 2147483648\n", "server.fd is 2147483648: "),
        ("[server]\nport = " + "9" * 5000, "is not valid TOML:"),
        ("[limits]\nheader_timeout = 0", "limits.header_timeout is 0: input should be greater than 0"),
    ],
)
def test_a_mistake_in_the_file_names_file_and_setting(tmp_path: Path, text: str, told: str) -> None:
    config = write(tmp_path / "a.toml", text)
    assert failure(config).startswith(f"{config}: {told}")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert failure(tmp_path / "gone.toml") == f"{tmp_path / 'gone.toml'}: cannot be read: No such file or directory"
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    assert "is not UTF-8 text" in failure(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SERVEHTTP_SERVER__PROT", "1", "there is no such setting; did you mean SERVEHTTP_SERVER__PORT?"),
        ("SERVEHTTP_PORT", "1", "there is no such setting; did you mean SERVEHTTP_"),
        ("SERVEHTTP_SERVER", '{"port": 1}', "there is no such setting; did you mean SERVEHTTP_SERVER__"),
        ("SERVEHTTP_SERVER__PORT", "70000", "server.port is '70000': input should be less than or equal to 65535"),
        ("SERVEHTTP_SERVER__HTTP", "h2", "server.http is 'h2': input should be 'auto', 'h11' or 'httptools'"),
        ("SERVEHTTP_SERVER__ROOT_PATH", "a/", "server.root_path: a prefix begins with a slash"),
        (
            "SERVEHTTP_SERVER__FORWARDED_ALLOW_IPS",
            "10.0.0.0/8,proxy",
            "server.forwarded_allow_ips.1: 'proxy' is neither",
        ),
        ("SERVEHTTP_PLUGINS__ATTACH", "com.a", "plugins.attach: 'com.a' is not of the form ID=TARGET"),
        ("SERVEHTTP_PLUGINS__REPLICAS", "a", "plugins.replicas: 'a' is not of the form ID=N"),
        ("SERVEHTTP_PLUGINS__REPLICAS", "a=0", "plugins.replicas.a is '0': input should be greater than or equal to 1"),
        ("SERVEHTTP_PLUGINS__REPLICAS", "a=65", "plugins.replicas.a is '65': input should be less than or equal to 64"),
        ("SERVEHTTP_PLUGINS__START_TIMEOUTS", "a", "plugins.start_timeouts: 'a' is not of the form ID=SECONDS"),
        (
            "SERVEHTTP_PLUGINS__ATTACH",
            "com.a=here",
            "plugins.attach.com.a.0: 'here' is neither unix:PATH nor HOST:PORT",
        ),
        ("SERVEHTTP_PLUGINS__START_TIMEOUT", "nan", "plugins.start_timeout is 'nan': input should be a finite number"),
        ("SERVEHTTP_LIMITS__MAX_BODY_SIZE", "5 bananas", "limits.max_body_size is '5 bananas': could not interpret"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert failure().startswith(f"{variable}: {told}")


def test_a_mistake_on_the_command_line_is_told_as_such() -> None:
    assert failure(server={"port": -1}).startswith("command line: server.port is -1")


def test_settings_that_do_not_go_together_are_told() -> None:
    told = failure(plugins={"restart_delay": 5, "restart_delay_max": 1})
    assert told == "plugins: restart_delay_max (1) is less than restart_delay (5)"


@pytest.mark.parametrize(
    "target",
    ["unix:/a b", "localhost:80", "[::1]:80", "tls:10.0.0.1:65535", "tls:[2001:db8::1]:80", "plaintext:host:80"],
)
def test_a_target_is_a_socket_or_an_address(target: str) -> None:
    assert Settings.load(plugins={"attach": {"com.a": target}}).plugins.attach == {"com.a": (target,)}


@pytest.mark.parametrize(
    "target", ["unix:", "unix", ":80", "host", "host:0", "host:65536", "host:x", "host:²", "tls:", "tls:unix:/a"]
)
def test_a_target_that_is_neither_is_refused(target: str) -> None:
    assert "is neither" in failure(plugins={"attach": {"com.a": target}})


@pytest.mark.parametrize("target", ["10.0.0.1:7000", "plugins.example:7000", "[2001:db8::1]:7000", "0.0.0.0:7000"])
def test_another_machine_is_attached_by_tls_unless_it_is_said_otherwise(target: str) -> None:
    told = failure(plugins={"attach": {"com.a": target}})
    assert f"write tls:{target}, or plaintext:{target} to have it so" in told


def test_a_certificate_needs_its_key() -> None:
    told = failure(plugins={"tls_cert": "a.pem"})
    assert told == "plugins: tls_cert and tls_key go together: a certificate and its key"


def test_every_setting_says_in_one_sentence_what_it_is() -> None:
    for name, field in every_setting(Settings):
        assert field.description, name
        assert field.description.endswith("."), name
        assert "\n" not in field.description, name


def test_every_setting_has_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in every_setting(Settings):
        default = field.get_default(call_default_factory=True)
        if default not in (None, (), {}):
            monkeypatch.setenv(environment_name(name), str(default))
    assert Settings.load() == Settings()


def test_limits_of_one_plugin_are_a_table_or_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path / "a.toml", '[plugins.limits."Com.A"]\nmax_body_size = "1 KiB"\nidle_timeout = 5\n')
    limits = Settings.load(config).plugins.limits
    assert (limits["com.a"].max_body_size, limits["com.a"].idle_timeout) == (1024, 5)
    assert limits["com.a"].max_exchanges is None
    monkeypatch.setenv("SERVEHTTP_PLUGINS__LIMITS", "com.a.max_exchanges=3,com.b.max_body_size=1 MiB")
    limits = Settings.load().plugins.limits
    assert (limits["com.a"].max_exchanges, limits["com.b"].max_body_size) == (3, 1024 * 1024)


def test_what_is_wrong_with_the_limits_of_one_plugin_is_told(tmp_path: Path) -> None:
    config = write(tmp_path / "a.toml", '[plugins.limits."com.a"]\nbody = 1\n')
    assert failure(config).startswith(f"{config}: there is no setting plugins.limits.com.a.body")


def test_where_a_socket_was_handed_over_there_is_no_console_by_accident() -> None:
    assert Settings().has_console
    assert not Settings.model_validate({"server": {"fd": 3}}).has_console
    assert Settings.model_validate({"server": {"fd": 3}, "console": {"enabled": True}}).has_console
