"""Unpacking bundles, and the folder that they end in."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from servehttp.errors import BundleError
from servehttp.plugins.bundles import BundleLimits
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.manifest import Manifest
from support.bundles import bundle_of, plugin_bundle

LIMITS = BundleLimits(unpacked_size=100_000, files=20)
ID = "com.example.installed"


@pytest.fixture
def installed(tmp_path: Path) -> InstalledPlugins:
    return InstalledPlugins(tmp_path / "plugins")


def unpacked_in(installed: InstalledPlugins, bundle: bytes) -> Manifest:
    return installed.unpack(io.BytesIO(bundle), LIMITS)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def of_kind(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


@pytest.mark.parametrize("top", ["", "installed"])
def test_a_bundle_ends_in_a_folder_named_after_the_plugins_id(installed: InstalledPlugins, top: str) -> None:
    placed = installed.place(unpacked_in(installed, plugin_bundle(ID, b"pass", top=top)))
    assert [folder.parent.name for folder in installed.folders()] == [ID]
    assert placed.script.read_bytes() == b"pass"
    assert installed.has(placed)


@pytest.mark.parametrize(
    ("bundle", "problem"),
    [
        (b"no archive", "it is no .tar.gz"),
        (gzip.compress(b"no archive" * 1000), "it is no .tar.gz"),
        (plugin_bundle(ID, b"pass")[:-40], "it is no .tar.gz"),
        (bundle_of({"readme.txt": b""}), "it has none of plugin.yml, plugin.yaml, plugin.json at its top"),
        (bundle_of({"/plugin.json": b"{}"}), "leads out of it"),
        (bundle_of({"a/../../plugin.json": b"{}"}), "leads out of it"),
        (bundle_of({"a\\b": b"{}"}), "leads out of it"),
        (bundle_of({}, link("plugin.py", "/etc/passwd")), "'plugin.py' is a link or a device"),
        (bundle_of({}, link("plugin.py", "plugin.json", tarfile.LNKTYPE)), "'plugin.py' is a link or a device"),
        (bundle_of({}, of_kind("pipe", tarfile.FIFOTYPE)), "'pipe' is a link or a device"),
        (bundle_of({}, of_kind("disk", tarfile.BLKTYPE)), "'disk' is a link or a device"),
        (bundle_of({str(number): b"" for number in range(21)}), "it holds more than 20 files"),
        (bundle_of({"zeros": bytes(200_000)}), "it unpacks to more than 100000 bytes"),
        (bundle_of({"x" * 150_000: b""}), "it unpacks to more than 100000 bytes"),
        (bundle_of({"plugin.json": b'{"id": "?", "server": {}}'}), "id is '\\?'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bundles hold the time at which they were packed
)
def test_a_bundle_that_cannot_be_used_is_refused_and_leaves_nothing(
    tmp_path: Path, installed: InstalledPlugins, bundle: bytes, problem: str
) -> None:
    with pytest.raises(BundleError, match=problem):
        unpacked_in(installed, bundle)
    assert os.listdir(tmp_path / "plugins") == []
    assert os.listdir(tmp_path) == ["plugins"]


def test_a_file_may_not_be_there_twice(installed: InstalledPlugins) -> None:
    twice = tarfile.TarInfo("plugin.json")
    with pytest.raises(BundleError, match="in it twice"):
        unpacked_in(installed, bundle_of({"plugin.json": b"{}"}, twice))


def test_what_is_discarded_is_gone_and_what_was_placed_stays(tmp_path: Path, installed: InstalledPlugins) -> None:
    unpacked = unpacked_in(installed, plugin_bundle(ID, b"pass", top="deep"))
    installed.place(unpacked)
    installed.discard(unpacked)
    assert os.listdir(tmp_path / "plugins") == [ID]
    installed.remove(ID)
    assert os.listdir(tmp_path / "plugins") == []


def test_a_version_stays_beside_the_next_until_it_is_discarded(installed: InstalledPlugins) -> None:
    old = installed.place(unpacked_in(installed, plugin_bundle(ID, b"old")))
    new = installed.place(unpacked_in(installed, plugin_bundle(ID, b"new", "2.0.0")))
    assert (new.version, new.script.read_bytes(), old.script.read_bytes()) == ("2.0.0", b"new", b"old")
    assert installed.folders() == [new.folder]
    installed.discard(old)
    assert (new.script.exists(), old.folder.exists()) == (True, False)
    third = installed.place(unpacked_in(installed, plugin_bundle(ID, b"third")))
    installed.discard(third)  # it did not start
    assert installed.folders() == [new.folder]


def test_the_last_version_that_is_discarded_takes_the_plugin_with_it(
    tmp_path: Path, installed: InstalledPlugins
) -> None:
    installed.discard(installed.place(unpacked_in(installed, plugin_bundle(ID, b"pass"))))
    assert (installed.folders(), os.listdir(tmp_path / "plugins")) == ([], [])


def test_what_an_interrupted_installation_left_is_put_right(tmp_path: Path, installed: InstalledPlugins) -> None:
    folder = tmp_path / "plugins"
    installed.place(unpacked_in(installed, plugin_bundle(ID, b"old")))
    new = installed.place(unpacked_in(installed, plugin_bundle(ID, b"new")))
    (folder / "com.example.empty").mkdir()  # its only version was not there yet
    unpacked_in(installed, plugin_bundle(ID, b"newer"))
    installed.clean_up()
    assert sorted(os.listdir(folder)) == ["com.example.empty", ID]
    assert (installed.folders(), os.listdir(folder / ID)) == ([new.folder], [new.folder.name])
