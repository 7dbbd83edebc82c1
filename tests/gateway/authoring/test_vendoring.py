"""`servehttp build --vendor`: a bundle brings wheels of what it needs, from an index that is a folder here."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from servehttp.authoring.scaffold import Names, Template, create
from servehttp.authoring.vendoring import Platform, fetch_wheels
from servehttp.errors import BundleError
from support.command import run
from support.wheels import wheel, wheel_name

X86, ARM = "cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_17_aarch64"
MAC = "cp312-cp312-macosx_11_0_arm64"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of an index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def offer(index: Path, name: str, version: str = "1.0", tag: str = "py3-none-any") -> str:
    file = index / wheel_name(name, version, tag)
    file.write_bytes(wheel(name, version))
    return file.name


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return create(Names.of("notes"), Template.API, tmp_path)


def vendored(plugin: Path) -> list[str]:
    return sorted(path.name for path in (plugin / "wheels").iterdir())


def test_the_command_packs_what_it_fetches_and_the_same_again(plugin: Path, index: Path, tmp_path: Path) -> None:
    needed = offer(index, "needed")
    (plugin / "requirements.txt").write_text("needed>=1\n")
    bundles = [tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"]
    for bundle in bundles:
        done = run("build", plugin, "--vendor", "-o", bundle)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[0] == str(plugin / "wheels" / needed)
    with tarfile.open(bundles[0]) as archive:
        assert f"com.example.notes/wheels/{needed}" in archive.getnames()
    assert bundles[0].read_bytes() == bundles[1].read_bytes()
    assert [path.name for path in plugin.iterdir() if path.name.startswith(".wheels")] == []


def test_it_fetches_for_the_machine_that_was_named_and_adds_to_what_is_there(plugin: Path, index: Path) -> None:
    (plugin / "requirements.txt").write_text("needed\n")
    names = {tag: offer(index, "needed", tag=tag) for tag in (X86, ARM, MAC)}
    for number, (platform, tag) in enumerate(
        ((Platform.LINUX_X86_64, X86), (Platform.LINUX_AARCH64, ARM), (Platform.MACOS_ARM64, MAC)), 1
    ):
        assert fetch_wheels(plugin, platform, "3.12") == [plugin / "wheels" / names[tag]]
        assert len(vendored(plugin)) == number


def test_what_cannot_be_had_leaves_everything_as_it_was(plugin: Path, index: Path) -> None:
    offer(index, "needed")
    (plugin / "requirements.txt").write_text("needed\nmissing==3\n")
    with pytest.raises(BundleError, match=r"cannot be had as wheels: .*missing==3") as told:
        fetch_wheels(plugin)
    assert len(str(told.value).splitlines()) == 1
    assert not (plugin / "wheels").exists()


def test_a_plugin_that_needs_nothing_gets_no_folder(plugin: Path) -> None:
    assert fetch_wheels(plugin) == []
    assert not (plugin / "wheels").exists()


def test_a_platform_without_vendor_is_wrong_usage(plugin: Path) -> None:
    done = run("build", plugin, "--platform", "linux-x86_64")
    assert done.returncode == 2
    assert "--vendor" in done.stderr
