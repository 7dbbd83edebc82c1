"""Why a plugin ended, by its last words."""

from __future__ import annotations

from pathlib import Path

import pytest

from servehttp.plugins.traces import find_cause

FOLDER = Path("/plugins/one")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "File \"/plugins/one/plugin.py\", line 13\n    class Hello(Plugin\nSyntaxError: '(' was never closed",
            "SyntaxError: '(' was never closed (plugin.py, line 13)",
        ),
        (
            'Traceback (most recent call last):\n  File "/plugins/one/plugin.py", line 3, in <module>\n'
            "    import nothing\nModuleNotFoundError: No module named 'nothing'",
            "ModuleNotFoundError: No module named 'nothing' (plugin.py, line 3)",
        ),
        (
            '  File "/plugins/one/plugin.py", line 9, in <module>\n'
            '  File "/plugins/one/deep/store.py", line 4, in open\n'
            '  File "/usr/lib/python3/sqlite3.py", line 7, in connect\nsqlite3.OperationalError: no such table: notes',
            "sqlite3.OperationalError: no such table: notes (store.py, line 4)",
        ),
        ('File "/usr/lib/python3/a.py", line 7\nKeyError', "KeyError"),
        ("ValueError: first\n\nDuring handling of …\nTypeError: last\na line of a log", "TypeError: last"),
    ],
)
def test_it_is_the_last_exception_with_the_last_of_the_plugins_own_lines(text: str, cause: str) -> None:
    assert str(find_cause(text.splitlines(), FOLDER)) == cause


@pytest.mark.parametrize("text", ["", "no database", "error: no license", "Errors happen: often", "see Error: x y"])
def test_other_words_are_no_exception(text: str) -> None:
    assert find_cause(text.splitlines(), FOLDER) is None


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ('File "/plugins/one/plugin.py", line 13\nSyntaxError: invalid syntax', True),
        ("File \"/plugins/one/plugin.py\", line 3\nModuleNotFoundError: No module named 'nothing'", True),
        ('File "/usr/lib/python3/a.py", line 3\nSyntaxError: invalid syntax', False),
        ('File "/plugins/one/plugin.py", line 3\nConnectionRefusedError: [Errno 111] Connection refused', False),
    ],
)
def test_what_the_files_themselves_are_wrong_in_lasts(text: str, lasts: bool) -> None:
    cause = find_cause(text.splitlines(), FOLDER)
    assert cause is not None
    assert cause.lasts is lasts
