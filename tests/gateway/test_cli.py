"""The command as people run it: a process with its output and exit code."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from servehttp.build import is_compiled
from support.command import run
from support.patience import PATIENCE

MINOR = "{}.{}".format(*sys.version_info)


def plugin(folder: Path, identifier: str, **server: str) -> Path:
    folder.mkdir(parents=True)
    manifest = {
        "id": identifier,
        "version": "1.0.0",
        "server": {"runtime": "python", "executable": "plugin.py", **server},
    }
    (folder / "plugin.json").write_text(json.dumps(manifest))
    (folder / "plugin.py").write_text("from mattermost_plugin import Plugin, run_plugin\nrun_plugin(Plugin)\n")
    return folder


def error_lines(process: subprocess.CompletedProcess[str]) -> list[str]:
    return process.stderr.splitlines()


def test_help_lists_the_commands() -> None:
    process = run("--help")
    assert (process.returncode, process.stderr) == (0, "")
    for word in ("serve", "check", "--version"):
        assert word in process.stdout


def test_help_goes_on_in_a_line_where_its_source_begins_another() -> None:
    assert "The rules of .bundleignore say which files" in run("dev", "--help").stdout


def test_help_of_serve_groups_every_option_with_its_default() -> None:
    process = run("serve", "--help")
    assert process.returncode == 0
    for panel in ("Listening", "Plugins", "Logs", "Configuration"):
        assert f"─ {panel} ─" in process.stdout
    options = "--host --port --uds --config --data-dir --log-level --log-format --no-access-log --http --transport"
    for option in (
        *options.split(),
        "--attach",
        "--replicas",
        "--forwarded-allow-ips",
        "--workers",
        "SERVEHTTP_SERVER__PORT",
    ):
        assert option in process.stdout
    assert "[default: 8065]" in process.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["check", "/nowhere"]])
def test_help_and_check_import_neither_grpc_nor_the_http_server(arguments: list[str]) -> None:
    code = (
        "import sys, servehttp.cli\n"
        "try: servehttp.cli.main()\n"
        "except SystemExit: pass\n"
        "print('imported:', [name for name in ('grpc', 'uvicorn', 'google.protobuf') if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert process.stdout.endswith("imported: []\n")


def test_what_serves_imports_no_library_that_is_only_needed_now_and_then() -> None:
    seldom = ("grpc", "yaml", "pathspec", "mattermost_plugin.forms", "sqlalchemy", "rich.markdown")
    code = f"import sys, servehttp.cli, servehttp.running\nprint([name for name in {seldom} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert process.stdout == "[]\n"


def test_version_and_build_are_one_line() -> None:
    process = run("--version")
    assert (process.returncode, process.stderr, process.stdout.count("\n")) == (0, "", 1)
    build = (
        r"compiled" if is_compiled() else r"pure Python: for twice the speed install with BUILD_SERVEHTTP=compiled, .+"
    )
    assert re.fullmatch(rf"servehttp [0-9.]+ \({build}\)\n", process.stdout)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve", "--nope"], "No such option: --nope"),
        (["serve", "--port", "http"], "Invalid value for '--port'"),
        (["serve", "--port", "70000"], "less than or equal to 65535"),
        (["serve", "--workers", "0"], "server.workers is 0: input should be greater than or equal to 1"),
        (["serve", "--workers", "1000"], "server.workers is 1000: input should be less than or equal to 256"),
        (["serve", "--workers", "auto"], "Invalid value for '--workers'"),
        (["serve", "--http", "h2"], "'h2' is not one of"),
        (["serve", "--attach", "com.a"], "not of the form ID=TARGET"),
        (["serve", "--replicas", "com.a"], "not of the form ID=N"),
        (["serve", "--replicas", "com.a=0"], "greater than or equal to 1"),
        (["serve", "--forwarded-allow-ips", "proxy"], "neither an IP address"),
        (["serve", "--uds", "/x", "--port", "1"], "--uds takes the place of --host and --port"),
        (["check"], "Missing argument 'PLUGIN_DIR'"),
        (["nope"], "No such command 'nope'"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], told: str) -> None:
    process = run(*arguments)
    assert process.returncode == 2
    assert told in " ".join(process.stderr.replace("│", " ").split())


def test_check_tells_each_plugin_in_a_line(tmp_path: Path) -> None:
    plugin(tmp_path / "a", "com.example.a")
    plugin(tmp_path / "b", "com.example.b", python_version=f">={MINOR}")
    process = run("check", tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    first, second = process.stdout.splitlines()
    assert first.startswith(f"com.example.a 1.0.0: {tmp_path / 'a' / 'plugin.py'}, Python {MINOR}.")
    assert second.startswith("com.example.b 1.0.0: ")


def test_check_tells_a_plugin_without_a_version_by_its_id(tmp_path: Path) -> None:
    folder = plugin(tmp_path / "a", "com.example.a")
    manifest = json.loads((folder / "plugin.json").read_text())
    del manifest["version"]
    (folder / "plugin.json").write_text(json.dumps(manifest))
    assert run("check", folder).stdout.startswith(f"com.example.a: {folder / 'plugin.py'}, ")


def test_check_tells_what_is_wrong_and_ends_with_3(tmp_path: Path) -> None:
    plugin(tmp_path / "good", "com.example.good")
    plugin(tmp_path / "old", "com.example.old", python_version="3.5")
    plugin(tmp_path / "go", "com.example.go", runtime="go")
    process = run("check", tmp_path)
    assert process.returncode == 3
    assert process.stdout.startswith("com.example.good ")
    go, old = error_lines(process)
    assert go.startswith(f"error: {tmp_path / 'go' / 'plugin.json'}: server.runtime: is 'go'; ")
    assert "asks for 3.5; " in old
    assert str(tmp_path / "old") in old


def test_control_characters_of_a_manifest_do_not_reach_the_terminal(tmp_path: Path) -> None:
    plugin(tmp_path / "a", "com.example.a", executable="\x1b[2J\nx.py")
    process = run("check", tmp_path)
    assert process.returncode == 3
    assert "\x1b" not in process.stderr
    assert len(error_lines(process)) == 1


def test_serve_with_no_plugin_named_and_no_workspace_to_install_one_in_ends_with_3() -> None:
    process = run("serve", "--no-workspace")
    assert process.returncode == 3
    assert error_lines(process) == [
        "error: no plugin to serve: name a plugin's folder, or a folder of plugin folders, attach one with --attach, "
        "or find one with --remote"
    ]


def test_serve_with_no_usable_plugin_tells_each_and_ends_with_3(tmp_path: Path) -> None:
    plugin(tmp_path / "go", "com.example.go", runtime="go")
    process = run("serve", tmp_path, "--log-format", "console")
    assert process.returncode == 3
    bad, end = error_lines(process)
    assert f"{tmp_path / 'go' / 'plugin.json'}: server.runtime: is 'go'; " in bad
    assert end == "error: no plugin to serve: none of those named can be used"


def test_invalid_configuration_ends_with_3_and_one_line(tmp_path: Path) -> None:
    config = tmp_path / "servehttp.toml"
    config.write_text("[server]\nprot = 1\n")
    process = run("serve", tmp_path, "--config", config)
    assert process.returncode == 3
    assert error_lines(process) == [f"error: {config}: there is no setting server.prot; did you mean server.port?"]
    process = run("serve", tmp_path, SERVEHTTP_CONFIG=str(config))
    assert (process.returncode, len(error_lines(process))) == (3, 1)
    process = run("serve", tmp_path, SERVEHTTP_SERVER__PROT="1")
    assert process.returncode == 3
    assert error_lines(process) == [
        "error: SERVEHTTP_SERVER__PROT: there is no such setting; did you mean SERVEHTTP_SERVER__PORT?"
    ]


def test_a_port_in_use_ends_with_1_and_one_line_before_any_plugin_starts(tmp_path: Path) -> None:
    folder = plugin(tmp_path / "a", "com.example.a")
    (folder / "plugin.py").write_text(f"open({str(tmp_path / 'started')!r}, 'w')")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = run("serve", folder, "--port", port)
    assert process.returncode == 1
    (line,) = error_lines(process)
    assert line.startswith(f"error: cannot listen on 127.0.0.1:{port}: it is in use; ")
    assert not (tmp_path / "started").exists()


def test_a_data_folder_that_cannot_be_one_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    process = run("serve", plugin(tmp_path / "a", "com.example.a"), "--port", "0", "--data-dir", file)
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"error: the workspace cannot be opened: {file}: ")
