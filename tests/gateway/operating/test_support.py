"""`servehttp support` has what helps in one archive, says what it could not have, and lets no secret out."""

from __future__ import annotations

import json
import tarfile
import urllib.request
from pathlib import Path

import pytest

from servehttp.operating.scrubbing import Scrubber, secrets_of
from servehttp.operating.support_archive import without_output
from support.command import run
from support.operated import TALKING, Operated, operated, serving

__all__ = ["operated", "serving"]

PLANTED = "planted-7f3a"


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        assert {member.mode for member, _ in members} == {0o600}
        return {
            member.name.removeprefix("servehttp-support/"): file.read().decode() for member, file in members if file
        }


def test_what_a_gateway_tells_is_in_it_without_secrets(operated: Operated) -> None:
    url = f"{operated.gateway.url}/plugins/{TALKING}/say?text={PLANTED}"
    urllib.request.urlopen(url).close()
    path = operated.folder / "a.tar.gz"
    environment = operated.environment() | {
        "SERVEHTTP_WORKSPACE__DATABASE_URL": f"postgresql://me:{PLANTED}@host/name",
        "MY_API_KEY": PLANTED,
    }
    done = run("support", path, cwd=None, **environment)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    files = contents(path)
    assert files.keys() == {
        *("settings.json", "versions.json", "readyz.json", "overview.json", "requests.json", "hooks.json"),
        *("tasks.json", "logs.json", "missing.txt"),
    }
    everything = "".join(files.values())
    assert PLANTED not in everything
    assert operated.gateway.admin_token not in everything
    values = {row["name"]: row for row in json.loads(files["settings.json"])}
    assert values["workspace.database_url"]["value"].startswith("postgresql://me:***@")
    assert TALKING in files["readyz.json"]
    assert json.loads(files["tasks.json"])[0]["count"] > 0
    assert "starlette" in json.loads(files["versions.json"])["packages"]
    assert "metrics.txt: metrics.listen is not set" in files["missing.txt"]
    assert [f"without {line}" for line in files["missing.txt"].splitlines()] == done.stderr.splitlines()


def test_what_plugins_print_is_in_it_only_where_that_is_wanted(operated: Operated) -> None:
    urllib.request.urlopen(f"{operated.gateway.url}/plugins/{TALKING}/say?text=printed-by-a-plugin").close()
    without, with_it = operated.folder / "without.tar.gz", operated.folder / "with.tar.gz"
    assert run("support", without, cwd=None, **operated.environment()).returncode == 0
    assert run("support", with_it, "--with-output", cwd=None, **operated.environment()).returncode == 0
    assert "printed-by-a-plugin" not in "".join(contents(without).values())
    assert "printed-by-a-plugin" in "".join(contents(with_it).values())


def test_what_plugins_said_when_they_ended_is_left_out_as_well() -> None:
    ended = {"state": "failed", "reason": "exit code 1: password is planted", "output": [{"text": "planted"}]}
    logged = [{"logger": "servehttp.plugin", "text": "planted"}, {"logger": "servehttp.plugins", "fields": ended}]
    found = without_output({"plugins": [ended], "records": logged})
    assert "planted" not in json.dumps(found)
    assert found["plugins"] == [{"state": "failed", "reason": "exit code 1"}]
    assert [record["logger"] for record in found["records"]] == ["servehttp.plugins"]


def test_a_gateway_that_does_not_run_leaves_settings_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    done = run("support", path, "--url", "http://127.0.0.1:1", "--token", "x" * 26, cwd=tmp_path)
    assert done.returncode == 0
    files = contents(path)
    assert files.keys() == {"settings.json", "versions.json", "missing.txt"}
    assert "readyz.json: no gateway answers at http://127.0.0.1:1" in files["missing.txt"]
    again = run("support", path, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (1, f"error: {path} cannot be made: File exists\n")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("got Bearer abcdefghij", "got Bearer ***"),
        ('{"password": "a b", "name": "x"}', '{"password": "***", "name": "x"}'),
        ('{"password": "ab", "count": 3}', '{"password": "***", "count": 3}'),
        ('{"token_count": 3, "has_secret": true}', '{"token_count": 3, "has_secret": true}'),
        ("api_key=abc, user=me", "api_key=***, user=me"),
        ('"http://h/console/signin?ticket=a-b_c"', '"http://h/console/signin?ticket=***"'),
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
        ("known: topsecretvalue", "known: ***"),
        ("workspace.password_min_length is 8", "workspace.password_min_length is 8"),
        ('"{\\"session_token\\": \\"abc\\"}"', '"{\\"session_token\\": \\"***\\"}"'),
        ('"{\\"session_token\\": \\"a b\\", \\"n\\": 1}"', '"{\\"session_token\\": \\"***\\", \\"n\\": 1}"'),
        ('{"password": "a\\"b c"}', '{"password": "***"}'),
        ("{'password': 'a b'} came", "{'password': '***'} came"),
    ],
)
def test_secrets_are_known_by_themselves_and_by_their_names(text: str, scrubbed: str) -> None:
    assert Scrubber(["topsecretvalue", "short"]).scrub(text) == scrubbed


@pytest.mark.parametrize("word", ["a", "password", '"token', "://x:", "secret "])
def test_texts_that_are_long_are_scrubbed_as_well(word: str) -> None:
    text = word * (50_000 // len(word))
    assert len(Scrubber([]).scrub(text)) > len(text) // 4


def test_variables_that_are_secrets_are_known_by_their_names() -> None:
    environment = {"DB_PASSWORD": "one", "GITHUB_TOKEN": "two", "PATH": "three"}
    assert list(secrets_of(environment)) == ["one", "two"]
