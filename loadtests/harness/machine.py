"""Where figures come from: the machine, the versions of what ran, and the commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

from harness import granian
from harness.sides import ROOT
from servehttp.build import build_name

PACKAGES = ("grpcio", "protobuf", "starlette", "uvicorn", "uvloop", "httptools", "locust")
MEASURED = ("sdk", "gateway", "examples/bench", "examples/streaming")
"""What the figures depend on."""


def describe() -> dict[str, Any]:
    """For the results file."""
    return {"machine": _machine(), "versions": _versions(), "commit": _commit()}


def load() -> float:
    """How many processes wanted a core during the last minute."""
    return round(os.getloadavg()[0], 2)


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "distribution": _distribution(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"


def _versions() -> dict[str, str]:
    found = {"python": f"{platform.python_implementation()} {platform.python_version()}"}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["servehttp"] = build_name()
    for name, option, separator in (("nginx", "-v", "/"), ("wrk", "-v", " "), ("granian", "--version", " ")):
        found |= _program(name, option, separator)
    return found


def _program(name: str, option: str, separator: str) -> dict[str, str]:
    """What a program says its version is, after its name and a separator."""
    path = shutil.which(
        name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", str(granian.FOLDER / "bin")))
    )
    if path is None:
        return {}
    done = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
    words = (done.stdout + done.stderr).partition(f"{name}{separator}")[2].split()
    return {name: words[0]} if words else {}


def _commit() -> dict[str, Any] | None:
    """The commit, and whether what is measured differs from it; nothing where there is no git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"id": commit[:12], "changed": bool(_git("status", "--porcelain", "--", *MEASURED))}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
