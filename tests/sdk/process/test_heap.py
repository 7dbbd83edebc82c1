"""The C library's heap of a process that serves."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from mattermost_plugin.process.heap import LARGEST_KEPT

FAULTS_OF_LARGE_PIECES = """
import resource, sys
from mattermost_plugin.process.heap import tune_malloc

def move() -> None:
    pieces = [b"x" * 250_000 for _ in range(4)]

if sys.argv[1] == "settled":
    tune_malloc()
move()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    move()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Of memory, while large pieces come and go in a process of their own."""
    command = [sys.executable, "-c", FAULTS_OF_LARGE_PIECES, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env={}).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what glibc does")
def test_large_pieces_that_come_and_go_use_the_same_memory() -> None:
    assert faults("settled") * 10 < faults("unsettled")


def test_a_piece_as_large_as_a_read_comes_out_of_the_heap() -> None:
    assert LARGEST_KEPT >= 256 * 1024
