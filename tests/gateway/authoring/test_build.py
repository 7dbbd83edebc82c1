"""`servehttp build`: a bundle to install, the same bytes for the same files."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from servehttp.authoring.packing import pack
from servehttp.authoring.scaffold import Names, Template, create
from servehttp.errors import BundleError, ManifestError
from servehttp.plugins.bundles import BundleLimits, unpack
from servehttp.plugins.manifest import load_manifest
from support.command import run

LIMITS = BundleLimits(unpacked_size=10_000_000, files=100)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return create(Names.of("notes"), Template.API, tmp_path)


def names(bundle: Path) -> list[str]:
    with tarfile.open(bundle) as archive:
        return archive.getnames()


def test_the_command_makes_a_bundle_that_can_be_installed(plugin: Path, tmp_path: Path) -> None:
    done = run("build", plugin)
    bundle = plugin / "dist" / "com.example.notes-0.1.0.tar.gz"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{bundle}: 3 files, ")
    target = tmp_path / "unpacked"
    target.mkdir()
    with bundle.open("rb") as file:
        unpacked = unpack(file, target, LIMITS)
    assert load_manifest(unpacked).id == "com.example.notes"
    assert (unpacked / "plugin.py").read_bytes() == (plugin / "plugin.py").read_bytes()


def test_the_same_files_are_the_same_bytes(plugin: Path, tmp_path: Path) -> None:
    first = pack(plugin, tmp_path / "first.tar.gz").file.read_bytes()
    for file in plugin.iterdir():
        os.utime(file, (1, 1))
        file.chmod(0o600)
    (plugin / "__pycache__").mkdir()
    (plugin / "__pycache__" / "plugin.cpython-311.pyc").write_bytes(b"")
    assert pack(plugin, tmp_path / "other" / "second.tar.gz").file.read_bytes() == first


def test_tests_caches_and_hidden_files_stay_out(plugin: Path) -> None:
    for name in ("tests/deep/a.py", ".venv/b", "venv/c", "node_modules/d", "dist/e", ".env", "lib/__pycache__/f.pyc"):
        (plugin / name).parent.mkdir(parents=True, exist_ok=True)
        (plugin / name).write_text("")
    (plugin / "lib" / "kept.py").write_text("")
    bundle = pack(plugin)
    assert bundle.contents == ["README.md", "lib/kept.py", "plugin.json", "plugin.py"]
    assert names(bundle.file) == [f"com.example.notes/{name}" for name in bundle.contents]


def test_rules_of_the_folder_leave_out_and_take_back(plugin: Path) -> None:
    (plugin / ".bundleignore").write_text("# not for servers\n*.md\n!test_plugin.py\n")
    assert pack(plugin).contents == ["plugin.json", "plugin.py", "test_plugin.py"]


def test_only_whether_a_file_is_a_program_is_kept(plugin: Path) -> None:
    (plugin / "plugin.py").chmod(0o711)
    with tarfile.open(pack(plugin).file) as archive:
        modes = {member.name: (member.mode, member.mtime, member.uid, member.uname) for member in archive}
    assert modes["com.example.notes/plugin.py"] == (0o755, 0, 0, "")
    assert modes["com.example.notes/plugin.json"] == (0o644, 0, 0, "")


def test_a_link_within_the_folder_is_packed_as_what_it_leads_to(plugin: Path) -> None:
    (plugin / "alias.py").symlink_to("plugin.py")
    with tarfile.open(pack(plugin).file) as archive:
        assert archive.getmember("com.example.notes/alias.py").isreg()


@pytest.mark.parametrize(
    ("path", "make", "problem"),
    [
        ("secret", lambda path: path.symlink_to("/etc/hostname"), "leads out of the plugin's folder"),
        ("gone", lambda path: path.symlink_to("nowhere"), "is no plain file"),
        ("pipe", os.mkfifo, "is no plain file"),
    ],
)
def test_what_cannot_be_packed_is_named(path: str, make: object, problem: str, plugin: Path) -> None:
    assert callable(make)
    make(plugin / path)
    with pytest.raises(BundleError, match=f"{path} {problem}"):
        pack(plugin)
    assert not (plugin / "dist").exists()


@pytest.mark.parametrize(
    ("rules", "problem"), [(b"\xff", "is not UTF-8 text"), (b"a\n[z-a]", r"is '\[z-a\]', which is no")]
)
def test_rules_that_are_none_are_an_error(rules: bytes, problem: str, plugin: Path) -> None:
    (plugin / ".bundleignore").write_bytes(rules)
    with pytest.raises(BundleError, match=rf"\.bundleignore {problem}"):
        pack(plugin)


def test_a_script_that_is_left_out_is_an_error(plugin: Path) -> None:
    (plugin / ".bundleignore").write_text("plugin.py\n")
    with pytest.raises(BundleError, match=r"plugin\.py is left out, but the plugin needs it; write !plugin\.py"):
        pack(plugin)


@pytest.mark.parametrize(
    ("code", "line", "problem"), [("a = 1\nb = (\n", 2, "was never closed"), ("a = '\0'", 1, "null byte")]
)
def test_a_file_that_is_not_python_is_named_with_its_line(code: str, line: int, problem: str, plugin: Path) -> None:
    (plugin / "broken.py").write_text(code)
    with pytest.raises(ManifestError, match=rf"broken\.py: line {line}: .*{problem}"):
        pack(plugin)
    done = run("build", plugin)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")


def test_a_folder_that_is_no_plugin_is_an_error(tmp_path: Path) -> None:
    done = run("build", tmp_path)
    assert (done.returncode, "has no manifest" in done.stderr) == (3, True)


def test_what_was_there_stays_where_packing_fails(plugin: Path) -> None:
    before = pack(plugin).file.read_bytes()
    (plugin / "broken.py").write_text("(")
    with pytest.raises(ManifestError):
        pack(plugin)
    assert [(file.name, file.read_bytes()) for file in (plugin / "dist").iterdir()] == [
        ("com.example.notes-0.1.0.tar.gz", before)
    ]
