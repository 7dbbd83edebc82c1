"""The container's recipe and the compose file are what the documentation says of them; nothing is built here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from servehttp.settings.sources import environment_name, every_setting
from servehttp.workspace.settings import Settings

PROJECT = Path(__file__).parents[2]
COMPOSE = PROJECT / "examples" / "compose" / "compose.yaml"
DOCKERFILE = PROJECT / "Dockerfile"
VARIABLES = {environment_name(name) for name, _ in every_setting(Settings)}


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, each with its arguments on one line."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def of(kind: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == kind]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def test_the_image_is_built_compiled_in_a_stage_of_its_own_and_runs_as_nobody_in_particular() -> None:
    first, second = of("FROM")
    assert first.endswith(" AS build")
    assert "-slim" in second
    assert all(":" in image.split()[0] and "latest" not in image for image in (first, second))
    build, install = of("RUN")
    assert "BUILD_SERVEHTTP=compiled" in build
    assert "--no-index" in install
    assert of("USER") == ["10001"]
    kinds = [name for name, _ in instructions()]
    assert kinds.index("USER") > max(index for index, kind in enumerate(kinds) if kind in ("RUN", "COPY"))


def test_its_command_is_in_the_exec_form_and_its_variables_are_settings() -> None:
    assert json.loads(of("CMD")[0]) == ["servehttp", "serve"]
    json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
    named = re.findall(r"(SERVEHTTP_\w+)=", " ".join(of("ENV")))
    assert named
    assert set(named) <= VARIABLES


def test_what_is_built_from_is_named_and_there() -> None:
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    wanted = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert {"gateway", "sdk", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE"} == set(wanted)
    assert all((PROJECT / name).exists() for name in wanted)


def test_the_gateway_of_the_compose_file_writes_nothing_but_its_data_and_may_nothing_else() -> None:
    gateway = compose()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert gateway["tmpfs"] == ["/tmp"]
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert gateway["volumes"] == ["data:/data"]
    assert "ports" not in gateway
    assert set(gateway["environment"]) <= VARIABLES
    assert (COMPOSE.parent / gateway["build"]).resolve() == PROJECT


def test_what_proxies_it_is_trusted_and_its_configuration_is_there() -> None:
    content = compose()
    [subnet] = content["networks"]["inside"]["ipam"]["config"]
    gateway = content["services"]["gateway"]
    assert gateway["environment"]["SERVEHTTP_SERVER__FORWARDED_ALLOW_IPS"] == subnet["subnet"]
    assert "reverse_proxy gateway:8065" in (COMPOSE.parent / "Caddyfile").read_text()


@pytest.mark.parametrize("command", ["docker", "caddy"])
def test_the_tools_themselves_find_nothing_wrong(command: str) -> None:
    if shutil.which(command) is None:
        pytest.skip(f"needs {command}")
    environment = {**os.environ, "SITE": "localhost", "DATABASE_PASSWORD": "x"}
    if command == "docker":
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
            pytest.skip("needs docker compose")
        checked = ["docker", "compose", "--file", str(COMPOSE), "config", "--quiet"]
    else:
        checked = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(COMPOSE.parent / "Caddyfile")]
    done = subprocess.run(checked, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
