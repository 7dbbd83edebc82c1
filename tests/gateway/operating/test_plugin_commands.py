"""`servehttp plugin …` against a gateway that runs."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from servehttp.operating.rest_client import RestClient, RestError, Token
from servehttp.testing.gateway import running_gateway
from servehttp.workspace.domains.base.config_rules import MASK
from support.bundles import plugin_bundle
from support.certificates import HOST, Certificates, certificates
from support.command import run
from support.operated import FAILING, PROGRAM, TALKING, Operated, operated, serving, talking
from support.patience import PATIENCE

__all__ = ["certificates", "operated", "serving"]

ADDED = "com.example.added"


def say(gateway_url: str, text: str, times: int = 1) -> None:
    with urlopen(f"{gateway_url}/plugins/{TALKING}/say?text={text}&times={times}") as answer:
        answer.read()


def test_the_plugins_are_listed(operated: Operated) -> None:
    assert operated.ok("list").split() == ["ID", "VERSION", "STATE", "NAME", TALKING, "1.2.3", "running", "Talking"]
    [found] = operated.json("list")
    assert (found["id"], found["state"], found["version"]) == (TALKING, "running", "1.2.3")


def test_a_bundle_is_installed_enabled_replaced_disabled_and_removed(operated: Operated) -> None:
    first = operated.bundle(ADDED)
    said = operated.ok("install", first)
    assert said == f"{ADDED} 1.0.0 is installed, and stopped; start it:  servehttp plugin enable {ADDED}\n"
    assert operated.ok("enable", ADDED) == f"{ADDED} is running\n"
    assert "replace it with `force`, or --force" in operated.refused("install", first)
    second = operated.bundle(ADDED, PROGRAM.replace(b"VERSION", b"two"), "2.0.0")
    assert operated.ok("install", "--force", second) == f"{ADDED} 2.0.0 is installed, and running\n"
    with urlopen(f"{operated.gateway.url}/plugins/{ADDED}/say?text=x") as answer:
        assert answer.read() == b"two"
    line = operated.refused("install", "--force", operated.bundle(ADDED, FAILING, "3.0.0"))
    assert line.startswith("error: The new version did not start. The one before serves on. ")
    assert "no luck today" in operated.ok("logs", ADDED)
    assert operated.json("disable", ADDED)["state"] == "stopped"
    assert operated.ok("remove", ADDED) == f"{ADDED} is removed\n"
    assert [plugin["id"] for plugin in operated.json("list")] == [TALKING]


def test_the_first_plugin_of_a_gateway_can_be_installed(tmp_path: Path) -> None:
    with running_gateway() as gateway:
        operated = Operated(gateway, tmp_path)
        assert operated.json("list") == []
        assert operated.json("install", "--enable", operated.bundle(ADDED))["state"] == "running"
        with urlopen(f"{gateway.url}/plugins/{ADDED}/say?text=x") as answer:
            assert answer.status == 200


def test_a_bundle_is_installed_and_enabled_at_once(operated: Operated) -> None:
    found = operated.json("install", "--enable", operated.bundle(ADDED))
    assert (found["state"], found["enabled"], found["installed"]) == ("running", True, True)


def test_what_is_no_bundle_is_refused_in_one_line(operated: Operated) -> None:
    file = operated.folder / "notes.txt"
    file.write_text("hello")
    assert operated.refused("install", file).startswith("error: The bundle cannot be used: it is no .tar.gz")


def test_a_plugin_that_does_not_start_says_why(operated: Operated) -> None:
    operated.ok("install", operated.bundle(ADDED, FAILING))
    line = operated.refused("enable", ADDED)
    assert line.startswith(f"error: {ADDED} did not start: ")
    assert "no luck today" in line


def test_a_plugin_that_was_given_up_starts_again_when_it_is_reset(operated: Operated) -> None:
    operated.ok("install", operated.bundle(ADDED, b"print(1|1|garbage, flush=True)"))
    operated.refused("enable", ADDED)
    folder = operated.gateway.data_dir / "plugins" / ADDED / "1"
    (folder / "plugin.py").write_bytes(PROGRAM)
    while operated.json("status", ADDED)["state"] not in ("failed", "running"):
        pass
    assert operated.ok("reset", ADDED) == f"{ADDED} is running\n"
    operated.ok("disable", ADDED)
    assert operated.refused("reset", ADDED) == "error: The plugin is stopped; enable it."


def test_a_restart_is_another_process(operated: Operated) -> None:
    before = operated.json("status", TALKING)
    assert operated.ok("restart", TALKING) == f"{TALKING} is running\n"
    after = operated.json("status", TALKING)
    assert before["pid"] != after["pid"]
    assert (after["state"], after["restarts"], after["reason"]) == ("running", 0, None)
    header, row = operated.ok("status").splitlines()
    assert header.split() == ["ID", "STATE", "PID", "RESTARTS", "UPTIME", "IN", "FLIGHT", "REASON"]
    assert row.split()[:4] == [TALKING, "running", str(after["pid"]), "0"]


def test_settings_are_shown_changed_and_taken_back(operated: Operated) -> None:
    shown = operated.ok("settings", TALKING, "Colour=blue", "count=5")
    assert [line.split() for line in shown.splitlines()] == [
        ["KEY", "VALUE", "TYPE", "FROM"],
        ["Colour", "blue", "dropdown", "stored"],
        ["Count", "5", "number", "stored"],
        ["ApiKey", "-", "text", "default"],
    ]
    found = {setting["key"]: setting["value"] for setting in operated.json("settings", TALKING, "--unset", "Colour")}
    assert found == {"Colour": "red", "Count": 5, "ApiKey": None}
    assert operated.refused("settings", TALKING, "Count=many") == "error: The setting Count takes a number."
    assert "it has Colour, Count, ApiKey" in operated.refused("settings", TALKING, "Color=red")


@pytest.mark.parametrize(("settings", "keys"), [(5, []), ([{"key": "A", "options": 5}, 6], ["A"])])
def test_what_a_manifest_says_wrongly_of_settings_is_passed_over(
    operated: Operated, settings: object, keys: list[str]
) -> None:
    server = {"runtime": "python", "executable": "plugin.py"}
    manifest = json.dumps({"id": "com.example.odd", "server": server, "settings_schema": {"settings": settings}})
    bundle = operated.folder / "odd.tar.gz"
    bundle.write_bytes(plugin_bundle("com.example.odd", PROGRAM, files={"plugin.json": manifest.encode()}))
    operated.ok("install", bundle)
    assert [setting["key"] for setting in operated.json("settings", "com.example.odd")] == keys


def test_a_secret_is_read_from_standard_input_and_never_shown(operated: Operated) -> None:
    command = [sys.executable, "-m", "servehttp", "plugin", "settings", TALKING, "--ask", "ApiKey", "--json"]
    at = {"SERVEHTTP_URL": operated.gateway.url, "SERVEHTTP_DATA_DIR": str(operated.gateway.data_dir)}
    done = subprocess.run(
        command, input="s3cret\n", env={**os.environ, **at}, capture_output=True, text=True, check=True
    )
    assert {setting["key"]: setting["value"] for setting in json.loads(done.stdout)}["ApiKey"] == MASK
    assert "s3cret" not in done.stdout + operated.ok("settings", TALKING)


def test_the_last_lines_of_a_plugin_are_shown(operated: Operated) -> None:
    say(operated.gateway.url, "hello", 5)
    lines = operated.ok("logs", TALKING, "-n", "2").splitlines()
    assert [line.partition("info")[2].strip() for line in lines] == ["said hello 3", "said hello 4"]


@contextmanager
def following(url: str, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "servehttp", "plugin", "logs", "-f", "-n", "0", TALKING, "--json"]
    at = {"SERVEHTTP_URL": url, "SERVEHTTP_DATA_DIR": str(data_dir)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **at}) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_lines_are_followed_as_they_come_over_a_restart(tmp_path: Path, workers: str) -> None:
    with running_gateway(talking(tmp_path / "talking"), arguments=("--workers", workers)) as gateway:
        operated = Operated(gateway, tmp_path)
        with following(gateway.url, gateway.data_dir) as process:
            assert process.stdout is not None
            told: list[str] = []
            while not told:  # which it is from the moment that it follows
                say(gateway.url, "first")
                told += read_soon(process)
            operated.ok("restart", TALKING)
            say(gateway.url, "second")
            while "said second 0" not in told:
                told += [json.loads(process.stdout.readline())["text"]]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_follows_an_output_does_not_hold_up_a_stop(tmp_path: Path, workers: str) -> None:
    config = tmp_path / "servehttp.toml"
    config.write_text(f"[server]\ndrain_timeout = {10 * PATIENCE}\nworkers = {workers}\n")
    with running_gateway(talking(tmp_path / "talking"), arguments=("--config", str(config))) as gateway:
        leaving = ExitStack()
        process = leaving.enter_context(following(gateway.url, gateway.data_dir))
        told: list[str] = []
        while not told:
            say(gateway.url, "first")
            told += read_soon(process)
    with leaving:  # the gateway has ended, or its own time for that would have been over
        assert process.wait(PATIENCE) == 0


def read_soon(process: subprocess.Popen[str]) -> list[str]:
    """A line, if it comes at once."""
    import select

    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 0.2)
    return [json.loads(process.stdout.readline())["text"]] if ready else []


def test_what_the_gateway_refuses_is_one_line(operated: Operated) -> None:
    assert operated.refused("enable", "com.example.none") == "error: There is no such plugin."
    line = operated.refused("list", SERVEHTTP_TOKEN="wrong")
    assert line.startswith("error: the gateway does not take the token of SERVEHTTP_TOKEN: ")
    data_dir = operated.folder / "elsewhere"
    line = operated.refused("list", SERVEHTTP_DATA_DIR=str(data_dir))
    assert line.startswith("error: no token: give --token or SERVEHTTP_TOKEN")
    assert str(data_dir / "admin-token") in line


def test_a_user_who_may_not_is_told_whose_token_it_was(operated: Operated) -> None:
    from servehttp.operating.rest_client import RestClient, Token

    admin = RestClient(operated.gateway.url, Token(operated.gateway.admin_token, "the test"))
    user = {"username": "ada", "email": "ada@example.com", "password": "Passw0rd!"}
    admin.call("POST", "/users", user)
    made = run("admin", "token", "--user", "ada", "--data-dir", operated.gateway.data_dir)
    line = operated.refused("list", "--token", made.stdout.strip())
    assert line.startswith("error: the user of the token of --token may not do this: ")


def test_where_no_gateway_answers_it_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = run("plugin", "list", "--url", url, "--token", "x")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: no gateway answers at {url} (Connection refused); start one with `servehttp serve`, or name where it "
        "is with --url or SERVEHTTP_URL\n"
    )
    assert run("plugin", "list", "--url", "ftp://x", "--token", "x").returncode == 1


def test_what_a_certificate_lacks_that_is_not_trusted_is_told(certificates: Certificates) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    files = certificates.server()
    context.load_cert_chain(files.cert, files.key)

    def meet() -> None:
        with suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True):
            pass

    with socket.create_server((HOST, 0)) as server, ThreadPoolExecutor() as threads:
        threads.submit(meet)
        client = RestClient(f"https://{HOST}:{server.getsockname()[1]}", Token("x", "--token"))
        with pytest.raises(RestError, match=r"is not trusted: unable to get .*; name the file of its CA"):
            client.call("GET", "/plugins")


def test_a_gateway_is_found_where_the_settings_have_it_listen(tmp_path: Path) -> None:
    uds = tmp_path / "gateway.sock"
    with running_gateway(talking(tmp_path / "talking")) as gateway:
        port = gateway.url.rpartition(":")[2]
        token = gateway.admin_token
        found = run("plugin", "list", "--json", SERVEHTTP_SERVER__PORT=port, SERVEHTTP_DATA_DIR=str(gateway.data_dir))
        assert json.loads(found.stdout)[0]["id"] == TALKING
    missing = run("plugin", "list", "--token", token, SERVEHTTP_SERVER__UDS=str(uds))
    assert f"no gateway answers at unix:{uds}" in missing.stderr


def test_a_token_that_is_kept_here_is_sent_to_this_machine_alone(operated: Operated) -> None:
    line = operated.refused("list", "--url", "http://gateway.invalid:8065")
    assert line == "error: no token for http://gateway.invalid:8065: give --token or SERVEHTTP_TOKEN"


def test_a_gateway_without_a_workspace_has_no_plugins_to_manage(tmp_path: Path) -> None:
    with running_gateway(talking(tmp_path / "talking"), arguments=("--no-workspace",)) as gateway:
        done = run("plugin", "list", "--url", gateway.url, "--token", "x")
    assert f"{gateway.url} has no REST API (status 404)" in done.stderr


def test_help_needs_neither_a_gateway_nor_libraries_of_one() -> None:
    code = (
        "import sys, servehttp.cli\n"
        "try: servehttp.cli.main()\n"
        "except SystemExit: pass\n"
        "print('imported:', [name for name in ('grpc', 'http.client', 'sqlalchemy') if name in sys.modules])"
    )
    for arguments in (["plugin", "--help"], ["plugin", "settings", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("imported: []\n"), done.stdout
