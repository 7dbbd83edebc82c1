"""Servers as child processes."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest
from harness.errors import MeasurementError
from harness.processes import free_port, read, running, wait_until_answers
from harness.usage import cpu_seconds, memory_bytes, usages


def serve(port: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]


def test_a_process_lives_as_long_as_its_block(tmp_path: Path) -> None:
    port = free_port()
    with running(serve(port, tmp_path)) as process:
        wait_until_answers(process, port, "/")
        assert b"Directory listing" in read(port, "/")
    assert not psutil.pid_exists(process.pid)


def test_a_process_that_ends_early_is_reported_with_what_it_printed() -> None:
    command = [sys.executable, "-c", "print('no such thing')"]
    with pytest.raises(MeasurementError, match="no such thing"), running(command) as process:
        wait_until_answers(process, free_port(), "/")


def test_an_answer_that_is_not_200_is_no_answer(tmp_path: Path) -> None:
    port = free_port()
    with running(serve(port, tmp_path)) as process:
        wait_until_answers(process, port, "/")
        with pytest.raises(MeasurementError, match="answered with 404"):
            read(port, "/missing")


def test_what_a_process_and_its_children_use_is_counted_together() -> None:
    child = (
        "import sys, time\nwhile time.process_time() < 0.1: sum(range(9999))\nsys.stdin.read()"  # ends with its parent
    )
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], stdin=-1).wait()"
    with running([sys.executable, "-c", parent]) as process:
        while not any(sum(kid.cpu_times()[:2]) > 0.05 for kid in psutil.Process(process.pid).children()):
            assert process.poll() is None
        found = usages([process.pid])

        assert len(found) == 2
        assert cpu_seconds([process.pid]) >= 0.05
        assert memory_bytes([process.pid]) >= 2**20
