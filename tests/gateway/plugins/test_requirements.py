"""What a plugin needs, as far as a bundle may say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from servehttp.errors import BundleError
from servehttp.plugins.requirements import LARGEST, read_needs


def needs_of(folder: Path, **files: str) -> tuple[str, ...]:
    for name, text in files.items():
        (folder / {"txt": "requirements.txt", "toml": "pyproject.toml"}[name]).write_text(text)
    return read_needs(folder).lines


def test_a_plugin_without_either_file_needs_nothing(tmp_path: Path) -> None:
    assert needs_of(tmp_path) == ()


def test_names_with_versions_extras_markers_and_hashes_are_taken(tmp_path: Path) -> None:
    text = (
        "# what it needs\n\nhttpx>=1,<2  # to ask others\nqrcode[pil]\n"
        f"six==1.16.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
        'tomli; python_version < "3.11"\nservehttp>=0.1\nMattermost_Plugin\n'
    )
    assert needs_of(tmp_path, txt=text) == (
        "httpx<2,>=1",
        "qrcode[pil]",
        f"six==1.16.0 --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}",
        'tomli; python_version < "3.11"',
    )


def test_a_project_file_says_it_where_there_are_no_requirements(tmp_path: Path) -> None:
    toml = '[project]\nname = "p"\ndependencies = ["six>=1", "attrs"]\n'
    assert needs_of(tmp_path, toml=toml) == ("six>=1", "attrs")
    assert needs_of(tmp_path, toml=toml, txt="six\n") == ("six",)
    (tmp_path / "requirements.txt").unlink()
    assert needs_of(tmp_path, toml="[tool.ruff]\n") == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--index-url https://example.com", "line 2 of its requirements.txt is '--index-url https://example.com'"),
        ("-r other.txt", "line 2 of its requirements.txt is '-r other.txt'"),
        ("-e .", "line 2 "),
        ("./wheel.whl", "line 2 "),
        ("https://example.com/a.whl", "line 2 "),
        ("a @ https://example.com/a.whl", "line 2 of its requirements.txt takes a from an address"),
        ("a --config-settings=x=y", "line 2 of its requirements.txt has the option '--config-settings=x=y'"),
        ("a --hash=md5:0", "has the option '--hash=md5:0'"),
        ("a==1 b==2", "line 2 "),
        (f"a --hash=sha256:{'a' * 64} -i https://example.com", "has the option '--hash=sha256:"),
        (f"a --hash=sha256:{'a' * 64}\t--pre", "has the option '--hash=sha256:"),
    ],
)
def test_what_would_say_where_packages_come_from_is_refused_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(BundleError) as raised:
        needs_of(tmp_path, txt=f"six\n{line}\n")
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[project", "its pyproject.toml is no TOML"),
        ("project = 1", "no list of texts"),
        ("[project]\ndependencies = 'six'", "no list of texts"),
        ("[project]\ndependencies = [1]", "no list of texts"),
        ("[project]\ndependencies = ['-e .']", "line 1 of its pyproject.toml"),
        (f'[project]\ndependencies = ["a --hash=sha256:{"a" * 64}\\n--pre"]', "has the option '--hash=sha256:"),
        (f"a = {'[' * 20_000}", "too deep within one another"),
        (f"a = {'9' * 5000}", "its pyproject.toml is no TOML"),
    ],
)
def test_a_project_file_that_cannot_be_used_is_told(tmp_path: Path, toml: str, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        needs_of(tmp_path, toml=toml)


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"#" * (LARGEST + 1))
    with pytest.raises(BundleError, match=f"more than {LARGEST} bytes"):
        read_needs(tmp_path)
    (tmp_path / "requirements.txt").write_bytes(b"\xff")
    with pytest.raises(BundleError, match="not UTF-8 text"):
        read_needs(tmp_path)
