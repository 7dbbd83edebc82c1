"""The table, the descriptors, the stubs, the page and both clients agree."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient, models
from mattermost_plugin.api import rpcs
from mattermost_plugin.api.calls import Rpc
from mattermost_plugin.grpc.api_pb2_grpc import PluginAPIStub
from support.api_host import RPCS, request_class, response_class

ROOT = Path(__file__).parents[3]
GENERATE = ROOT / "sdk" / "generate"
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

BESIDE = {"target", "connected", "connect", "close", "upload_stream", "open_file", "iter_file"}
"""What clients have besides the rpcs."""

CALLS: dict[str, Rpc[Any, Any]] = {
    name.lower(): value
    for module in pkgutil.iter_modules(rpcs.__path__, f"{rpcs.__name__}.")
    for name, value in vars(importlib.import_module(module.name)).items()
    if isinstance(value, Rpc)
}


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def signature(method: Any) -> str:
    return str(inspect.signature(method))


def test_the_committed_files_are_what_the_table_and_the_protos_generate() -> None:
    command = [sys.executable, str(GENERATE), "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_check_names_each_file_that_is_not_as_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(GENERATE))
    compare = runpy.run_path(str(GENERATE / "__main__.py"))["compare"]
    same, changed, gone, old = Path("same"), Path("changed"), Path("gone"), Path("old")
    problems = compare({same: "1", changed: "1", gone: "1"}, {same: "1", changed: "2", old: "1"})
    assert problems == ["changed differs", "gone is missing", "old is left over"]


def test_both_clients_have_one_method_for_each_rpc_and_little_else() -> None:
    assert len(RPCS) == len(CALLS) == 236
    assert public(PluginAPIClient) == CALLS.keys() | BESIDE
    assert public(AsyncPluginAPIClient) == CALLS.keys() | BESIDE | {"http"}
    assert {call.name for call in CALLS.values()} == set(RPCS)
    assert all(name.replace("_", "") == call.name.lower() for name, call in CALLS.items())


def test_calls_stubs_and_descriptors_agree() -> None:
    with grpc.insecure_channel("unix:/nowhere") as channel:
        stub = PluginAPIStub(channel)
        assert [name for name in RPCS if not hasattr(stub, name)] == []
    for call in CALLS.values():
        assert call.path == f"/mattermost.pluginapi.v1.PluginAPI/{call.name}"
        assert (call.request, call.response) == (request_class(call.name), response_class(call.name))
        error = call.response.DESCRIPTOR.fields_by_name["error"]
        assert error.message_type.full_name == "mattermost.pluginapi.v1.AppError"


@pytest.mark.parametrize("name", CALLS)
def test_both_clients_document_a_method_alike(name: str) -> None:
    blocking, asynchronous = getattr(PluginAPIClient, name), getattr(AsyncPluginAPIClient, name)
    assert inspect.iscoroutinefunction(asynchronous)
    assert not inspect.iscoroutinefunction(blocking)
    assert signature(blocking) == signature(asynchronous)
    documented = inspect.getdoc(blocking)
    assert documented is not None
    assert documented == inspect.getdoc(asynchronous)
    parameters = list(inspect.signature(blocking).parameters)[1:]
    text, _, errors = documented.partition("Raises:")
    assert re.findall(r"^    \*{0,2}(\w+): ", text, re.MULTILINE) == parameters
    assert "PluginAPIError: " in errors
    assert ("timeout" in parameters) != name.startswith(("log_debug", "log_info", "log_warn", "log_error"))


@pytest.mark.parametrize("name", CALLS)
def test_the_page_has_every_method(name: str) -> None:
    call = CALLS[name]
    (row,) = re.findall(rf"^\| `{name}\(.*?\)` \|.*\| {call.name} \|$", PAGE, re.MULTILINE)
    assert ("↻" in row) == call.repeatable


def test_only_calls_that_read_or_find_are_repeatable() -> None:
    changing = "create add set update delete remove send publish upload log revoke patch upsert save enable install"
    assert not [name for name, call in CALLS.items() if call.repeatable and name.startswith(tuple(changing.split()))]
    assert sum(call.repeatable for call in CALLS.values()) > 100


def test_calls_that_carry_files_have_longer_deadlines() -> None:
    assert {name for name, call in CALLS.items() if call.transfer} == {
        "get_profile_image",
        "set_profile_image",
        "get_team_icon",
        "set_team_icon",
        "get_emoji_image",
        "get_file",
        "read_file",
        "upload_file",
        "upload_data",
        "install_plugin",
        "plugin_http",
    }


def test_the_references_irregular_names_are_there() -> None:
    names = "create_o_auth_app publish_web_socket_event plugin_http kv_compare_and_set get_ldap_user_attributes"
    more = "set_user_status_timed_dnd get_group_by_remote_id get_plugin_id get_diagnostic_id get_users_by_ids"
    assert {*names.split(), *more.split()} <= CALLS.keys()


def test_every_generated_file_says_so_and_only_those_do() -> None:
    sdk = ROOT / "sdk" / "mattermost_plugin"
    marked = {
        path.relative_to(sdk).as_posix()
        for path in sdk.rglob("*.py")
        if path.read_text(encoding="utf-8").startswith("# @generated by sdk/generate")
    }
    assert {"client.py", "async_client.py", "models/users.py", "api/aio/users.py", "api/rpcs/users.py"} <= marked
    assert not {"exceptions.py", "values.py", "api/calls.py", "api/aio/caller.py", "api/aio/transfers.py"} & marked


def test_the_old_import_paths_lead_here() -> None:
    wrappers = importlib.import_module("mattermost_plugin._internal.wrappers")
    channel = importlib.import_module("mattermost_plugin._internal.channel")
    runner = importlib.import_module("mattermost_plugin._internal.hook_runner")
    assert wrappers.Dialog is models.Dialog
    assert wrappers.TeamType.OPEN == "O"
    assert channel.PLUGIN_API_TARGET_ENV == "MATTERMOST_PLUGIN_API_TARGET"
    assert all(hasattr(channel, name) for name in ("create_channel", "create_async_channel", "get_default_target"))
    assert runner.HookTimeoutError("x", 1.0).timeout == 1.0
    assert importlib.import_module("mattermost_plugin.client").PluginAPIClient is PluginAPIClient
    assert importlib.import_module("mattermost_plugin.async_client").AsyncPluginAPIClient is AsyncPluginAPIClient
