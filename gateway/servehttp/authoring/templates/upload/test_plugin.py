from pathlib import Path

import pytest
from mattermost_plugin.testing import BlockingPlugin

from plugin import TemplatePlugin

FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n\r\nBuy oat milk.\r\n--x--\r\n'
HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(TemplatePlugin, "folder", tmp_path)
    return tmp_path


def test_the_page_is_there(blocking_plugin: BlockingPlugin) -> None:
    assert "<h1>" in blocking_plugin.get("/").text


def test_a_file_is_stored(blocking_plugin: BlockingPlugin, own_folder: Path) -> None:
    answer = blocking_plugin.post("/files", body=FORM, headers=HEADERS)
    assert answer.json() == {"files": [{"name": "notes.txt", "size": 13}]}
    assert [file.read_bytes() for file in own_folder.iterdir()] == [b"Buy oat milk."]


def test_one_that_is_cut_short_is_refused(blocking_plugin: BlockingPlugin, own_folder: Path) -> None:
    assert blocking_plugin.post("/files", body=FORM[:-10], headers=HEADERS).status == 400
    assert list(own_folder.iterdir()) == []
