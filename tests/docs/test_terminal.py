"""The terminal on the front page shows what is printed today, and nothing of the machine on which it was printed."""

from __future__ import annotations

import html
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import DOCS
from support.patience import PATIENCE

PICTURE = DOCS / "pictures" / "terminal.svg"
COMMANDS = ["servehttp new hello", "servehttp dev hello", "curl", "sed", "curl"]
ANSWERS = ['{"greeting":"Hello, world!"}', '{"greeting":"Good morning, world!"}']
COLUMN = 12.2
"""Its width in a picture."""
OF_A_MACHINE = re.compile(r"(?<![\w.:/~])/(?:home|root|tmp|usr|var|work|Users|private|opt)\b")


def lines_in(picture: str) -> list[str]:
    """What is written in a picture, line by line; pieces of one line are at one height, each in its column."""
    lines: dict[str, str] = {}
    for x, y, text in re.findall(r'<text [^>]*x="([\d.]+)" y="([\d.]+)" textLength[^>]*>([^<]*)</text>', picture):
        before = lines.get(y, "").ljust(round(float(x) / COLUMN))
        lines[y] = before + html.unescape(text).replace("\xa0", " ")
    return [line.rstrip() for line in lines.values()]


def assert_is_shown(picture: str) -> None:
    lines = lines_in(picture)
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    assert len(typed) == len(COMMANDS)
    assert all(line.startswith(command) for line, command in zip(typed, COMMANDS, strict=True))
    assert [line for line in lines if line.startswith('{"greeting')] == ANSWERS
    assert any("Serving on http://127.0.0.1:8065 (compiled)" in line for line in lines)
    assert not OF_A_MACHINE.search("\n".join(lines))
    assert socket.gethostname() not in "\n".join(lines)


def test_the_picture_shows_a_plugin_begun_served_and_edited_and_loads_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")

    assert_is_shown(picture)
    assert "url(http" not in picture
    assert "@font-face" not in picture


@pytest.mark.skipif(shutil.which("curl") is None, reason="the terminal asks with curl, which is not here")
def test_recording_it_anew_shows_the_same(tmp_path: Path) -> None:
    picture = tmp_path / "terminal.svg"
    program = DOCS / "make_terminal.py"
    subprocess.run([sys.executable, program, picture], cwd=tmp_path, check=True, timeout=3 * PATIENCE)

    assert_is_shown(picture.read_text(encoding="utf-8"))
