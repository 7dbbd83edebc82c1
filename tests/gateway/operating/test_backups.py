"""`servehttp backup` and `servehttp restore`: what is kept goes elsewhere, and what is no backup goes nowhere."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from servehttp.testing.gateway import running_gateway
from servehttp.workspace.embedding.backups import HEAD
from servehttp.workspace.settings import DATABASE_FILE, Settings
from servehttp.workspace.workspace import open_workspace
from support.bundles import bundle_of, plugin_bundle
from support.command import run
from support.operated import PROGRAM, Operated, operated, serving, talking

__all__ = ["operated", "serving"]

ADDED = "com.example.added"
PASSWORD = "correct horse battery"
GOOD_HEAD = json.dumps({"format": 1}).encode()


def backup(file: Path, data_dir: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("backup", file, "--data-dir", data_dir, *options, **environment)  # type: ignore[arg-type]  # no `cwd`


def restore(file: Path, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("restore", file, "--data-dir", data_dir, **environment)  # type: ignore[arg-type]  # no `cwd` among them


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


class Api:
    """The REST API of a gateway, as its administrator uses it."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/v4"
        self._token = token

    def __call__(self, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
        sent = json.dumps(body).encode() if body is not None else data
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json" if body else "text/plain",
        }
        with urlopen(Request(self._url + path, sent, headers, method=method)) as answer:
            text: bytes = answer.read()
        return json.loads(text) if "json" in answer.headers["Content-Type"] else text


class Writer:
    """Somebody who writes posts and uploads files."""

    def __init__(self, api: Api, team_name: str) -> None:
        self._api = api
        team = api("POST", "/teams", {"name": team_name, "display_name": "Home", "type": "O"})
        self.channel = api("GET", f"/teams/{team['id']}/channels/name/town-square")["id"]

    def post(self, text: str) -> Any:
        return self._api("POST", "/posts", {"channel_id": self.channel, "message": text})["id"]

    def upload(self, content: bytes) -> Any:
        path = f"/files?channel_id={self.channel}&filename={quote('notes.txt')}"
        return self._api("POST", path, data=content)["file_infos"][0]["id"]


def test_what_was_written_before_a_backup_is_there_where_it_is_restored(operated: Operated, tmp_path: Path) -> None:
    gateway, file, elsewhere = operated.gateway, tmp_path / "backup.tar.gz", tmp_path / "elsewhere"
    operated.ok("install", "--enable", operated.bundle(ADDED))
    api = Api(gateway.url, gateway.admin_token)
    writer = Writer(api, "home")
    before, uploaded = writer.post("before"), writer.upload(b"content " * 100_000)
    done = backup(file, gateway.data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []
    after = writer.post("after")

    assert restore(file, elsewhere).returncode == 0
    assert elsewhere.stat().st_mode & 0o777 == 0o700
    token = run("user", "token", "--data-dir", elsewhere).stdout.strip()
    with running_gateway(talking(tmp_path / "again"), arguments=("--data-dir", str(elsewhere))) as restored:
        api = Api(restored.url, token)
        assert api("GET", f"/posts/{before}")["message"] == "before"
        assert api("GET", f"/files/{uploaded}") == b"content " * 100_000
        assert after not in api("GET", f"/channels/{writer.channel}/posts")["posts"]
        with urlopen(f"{restored.url}/plugins/{ADDED}/say?text=x") as answer:
            assert answer.status == 200
        assert "another gateway has the data folder" in refused(restore(file, elsewhere))
    assert f"{elsewhere} has data already" in refused(restore(file, elsewhere))


def test_a_backup_is_whole_while_others_write(operated: Operated, tmp_path: Path) -> None:
    gateway, elsewhere = operated.gateway, tmp_path / "elsewhere"
    writer = Writer(Api(gateway.url, gateway.admin_token), "meanwhile")
    posts = [writer.post("meanwhile")]
    making = subprocess.Popen(
        [sys.executable, "-m", "servehttp", "backup", tmp_path / "backup.tar.gz", "--data-dir", gateway.data_dir]
    )
    while making.poll() is None:
        posts.append(writer.post("meanwhile"))
        writer.upload(b"content")
    assert making.returncode == 0
    assert restore(tmp_path / "backup.tar.gz", elsewhere).returncode == 0
    with sqlite3.connect(elsewhere / DATABASE_FILE) as database:
        stored = {id for (id,) in database.execute("SELECT id FROM posts WHERE message = 'meanwhile'")}
        files = {id for (id,) in database.execute("SELECT content_id FROM files")}
    assert stored == set(posts[: len(stored)]), "one moment, and none of what came after it"
    assert files <= {file.name for file in (elsewhere / "files").iterdir()}


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    async with open_workspace(folder, Settings().workspace):
        pass
    plugin = folder / "plugins" / ADDED / "1"
    plugin.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(plugin_bundle(ADDED, PROGRAM))) as bundle:
        bundle.extractall(plugin, filter="data")
    return folder


@pytest.mark.anyio
async def test_a_data_folder_may_be_named_from_where_one_is(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "files" / "whole").write_bytes(b"all of it")
    made = run("backup", "backup.tar.gz", "--data-dir", data_dir.name, cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    restored = run("restore", "backup.tar.gz", "--data-dir", "elsewhere", cwd=tmp_path)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert (tmp_path / "elsewhere" / "plugins" / ADDED / "1" / "plugin.json").exists()
    assert (tmp_path / "elsewhere" / "files" / "whole").read_bytes() == b"all of it"


@pytest.mark.anyio
async def test_what_can_be_made_again_is_left_out(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "environments" / "abc").mkdir(parents=True)
    (data_dir / "environments" / "abc" / "complete").touch()
    (data_dir / "admin-token").write_text("secret")
    (data_dir / "files" / "half.part").write_bytes(b"ha")
    (data_dir / "files" / "whole").write_bytes(b"all of it")
    (data_dir / "plugins" / ADDED / "1" / "link").symlink_to("/etc/passwd")
    assert backup(tmp_path / "backup.tar.gz", data_dir).returncode == 0
    with tarfile.open(tmp_path / "backup.tar.gz") as archive:
        names = archive.getnames()
    plugin = f"plugins/{ADDED}/1"
    assert names == [HEAD, DATABASE_FILE, "files/whole", f"{plugin}/plugin.json", f"{plugin}/plugin.py"]


@pytest.mark.anyio
async def test_a_file_that_is_there_is_replaced_only_if_that_is_asked_for(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_text("precious")
    assert f"{file} is there already" in refused(backup(file, data_dir))
    assert file.read_text() == "precious"
    assert backup(file, data_dir, "--force").returncode == 0
    assert tarfile.is_tarfile(file)


@pytest.mark.anyio
async def test_of_a_database_server_only_the_rest_is_backed_up(data_dir: Path, tmp_path: Path) -> None:
    server = {"SERVEHTTP_WORKSPACE__DATABASE_URL": "postgresql://localhost/nowhere"}
    file = tmp_path / "backup.tar.gz"
    assert "pg_dump" in refused(backup(file, data_dir, **server))
    assert backup(file, data_dir, "--without-database", **server).returncode == 0
    done = restore(file, tmp_path / "elsewhere", **server)
    assert (done.returncode, sorted(os.listdir(tmp_path / "elsewhere"))) == (0, ["gateway.lock", "plugins"])


@pytest.mark.anyio
async def test_a_backup_tells_that_it_is_without_files_that_are_in_a_bucket(data_dir: Path, tmp_path: Path) -> None:
    (data_dir / "files" / "left").write_bytes(b"from before")
    file = tmp_path / "backup.tar.gz"
    done = backup(file, data_dir, SERVEHTTP_WORKSPACE__FILES="s3://bucket/prefix")
    assert (done.returncode, "save s3://bucket/prefix as well" in done.stderr) == (0, True)
    with tarfile.open(file) as archive:
        assert "files/left" not in archive.getnames()


@pytest.mark.anyio
async def test_what_could_not_be_restored_is_told_when_it_is_backed_up(data_dir: Path, tmp_path: Path) -> None:
    deep = data_dir.joinpath("plugins", ADDED, "1", *["d"] * 64)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    file = tmp_path / "backup.tar.gz"
    assert "is more than 64 folders deep" in refused(backup(file, data_dir))
    assert not file.exists()
    assert "there is no folder" in refused(backup(tmp_path / "none" / "backup.tar.gz", data_dir))


def test_a_folder_without_a_workspace_is_none_to_back_up(tmp_path: Path) -> None:
    assert "there is no workspace in" in refused(backup(tmp_path / "backup.tar.gz", tmp_path / "nothing"))
    assert os.listdir(tmp_path) == []


def link(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "it is no .tar.gz"),
        (bundle_of({"plugin.json": b"{}"}), "it is no backup that `servehttp backup` has made"),
        (bundle_of({HEAD: b'{"format": 2}'}), "it is a backup of the format 2, and this servehttp knows 1"),
        (bundle_of({HEAD: b"[]"}), "it is a backup of the format None"),
        (bundle_of({HEAD: b"[" * 60_000}), "it is a backup of the format None"),
        (bundle_of({HEAD: GOOD_HEAD, "../evil": b""}), "'../evil' leads out of it"),
        (bundle_of({HEAD: GOOD_HEAD, "/evil": b""}), "'/evil' leads out of it"),
        (bundle_of({HEAD: GOOD_HEAD, "gateway.lock": b""}), "'gateway.lock' does not belong in a backup"),
        (bundle_of({HEAD: GOOD_HEAD, "files": b""}), "'files' does not belong in a backup"),
        (bundle_of({HEAD: GOOD_HEAD}, link("files/a")), "'files/a' does not belong in a backup"),
        (bundle_of({HEAD: GOOD_HEAD, DATABASE_FILE: b"hello" * 1000}), "its database is damaged"),
        (bundle_of({HEAD: GOOD_HEAD, "files/a": os.urandom(5000)})[:-1000], "it is no .tar.gz"),
    ],
)
def test_what_is_no_whole_backup_leaves_nothing(tmp_path: Path, content: bytes, says: str) -> None:
    file, elsewhere = tmp_path / "backup.tar.gz", tmp_path / "elsewhere"
    file.write_bytes(content)
    line = refused(restore(file, elsewhere))
    assert line.startswith(f"error: {file} cannot be restored: ")
    assert says in line
    assert os.listdir(elsewhere) == ["gateway.lock"]
