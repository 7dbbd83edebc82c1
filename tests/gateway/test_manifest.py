"""Manifests are found, read and checked, and each thing wrong with one is a line that names file, field and remedy."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from servehttp.errors import ManifestError
from servehttp.plugins.manifest import LARGEST, Manifest, discover, load_manifest

GOOD: dict[str, Any] = {
    "id": "com.example.good",
    "name": "Good",
    "version": "1.2.3",
    "server": {"runtime": "python", "executable": "plugin.py"},
}


SERVER_FIELDS = ("runtime", "executable", "executables", "app", "python_version", "python")


def write(folder: Path, data: object, name: str = "plugin.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plugin.py").write_text("")
    text = data if isinstance(data, str) else json.dumps(data) if name.endswith("json") else yaml.safe_dump(data)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def changed(**fields: object) -> dict[str, Any]:
    """The good manifest with fields of `server` or of the top changed."""
    server = {key: value for key, value in fields.items() if key in SERVER_FIELDS}
    top = {key: value for key, value in fields.items() if key not in SERVER_FIELDS}
    return {**GOOD, **top, "server": {**GOOD["server"], **server}} if "server" not in top else {**GOOD, **top}


def failure(folder: Path) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        load_manifest(folder)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["plugin.json", "plugin.yaml", "plugin.yml"])
def test_a_good_manifest_is_read_from_json_and_yaml(tmp_path: Path, name: str) -> None:
    manifest = load_manifest(write(tmp_path, GOOD, name))
    assert (manifest.id, manifest.name, manifest.version) == ("com.example.good", "Good", "1.2.3")
    assert manifest.folder == tmp_path
    assert manifest.script == tmp_path / "plugin.py"


def test_yaml_comes_before_json_as_in_mattermost(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, changed(id="com.example.yaml"), "plugin.yaml")
    assert load_manifest(tmp_path).id == "com.example.yaml"


def test_every_field_of_the_reference_is_read_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    python = {"dependency_mode": "venv", "venv_path": "venv", "requirements_path": "requirements.txt"}
    data = changed(
        description="d",
        homepage_url="https://example.com",
        support_url="http://example.com/support",
        release_notes_url="https://example.com/notes",
        icon_path="icon.svg",
        min_server_version="10.0.0-rc1",
        webapp={"bundle_path": "main.js"},
        settings_schema={"settings": []},
        props={"a": 1},
        python=python,
        python_version=">=3.10",
        unknown={"x": 1},
        file="/etc/passwd",
    )
    manifest = load_manifest(write(tmp_path, data))
    assert manifest.server.python.model_dump() == {"entry_point": "", **python}
    assert manifest.server.python_version == ">=3.10"
    assert manifest.webapp is not None
    assert manifest.webapp.bundle_path == "main.js"
    assert manifest.props == {"a": 1}
    assert manifest.file == tmp_path / "plugin.json"
    assert "unknown" not in manifest.model_dump()


def test_null_means_absent(tmp_path: Path) -> None:
    data = changed(webapp=None, props=None, name=None, python=None, executables=None)
    manifest = load_manifest(write(tmp_path, data))
    assert (manifest.webapp, manifest.props, manifest.name, manifest.server.executables) == (None, {}, "", {})


@pytest.mark.parametrize(("props", "count"), [({}, 1), ({"replicas": 1}, 1), ({"a": 1, "replicas": 64}, 64)])
def test_the_number_of_replicas_is_a_prop(tmp_path: Path, props: dict[str, Any], count: int) -> None:
    assert load_manifest(write(tmp_path, changed(props=props))).replicas == count


def test_an_id_is_lower_cased(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, changed(id="Com.Example.GOOD"))).id == "com.example.good"


def test_the_script_for_this_machine_comes_first(tmp_path: Path) -> None:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    (tmp_path / "here.py").write_text("")
    data = changed(executables={f"{sys.platform}-{machine}": "here.py", "plan9-mips": "there.py"})
    assert load_manifest(write(tmp_path, data)).script.name == "here.py"


def test_the_entry_point_is_used_where_no_executable_is_named(tmp_path: Path) -> None:
    server = {"runtime": "python", "python": {"entry_point": "plugin.py"}}
    assert load_manifest(write(tmp_path, changed(server=server))).script == tmp_path / "plugin.py"


def test_an_application_can_be_named_in_place_of_a_script(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, changed(server={"app": "site.web:app.asgi"})))
    assert manifest.server.command() == ("-m", "mattermost_plugin", "site.web:app.asgi")


def test_a_script_is_run_as_it_is_named(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, changed())).server.command() == ("plugin.py",)


def test_an_executable_that_ends_in_py_is_python_without_a_runtime(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, changed(server={"executable": "plugin.py"}))).script.name == "plugin.py"


def test_the_script_may_be_a_link_that_stays_inside(tmp_path: Path) -> None:
    write(tmp_path / "plugin", changed(executable="link.py"))
    (tmp_path / "plugin" / "link.py").symlink_to("plugin.py")
    assert load_manifest(tmp_path / "plugin").script == tmp_path / "plugin" / "link.py"


@pytest.mark.parametrize(
    ("fields", "field", "problem", "remedy"),
    [
        ({"id": "ab"}, "id", "'ab'", "3 to 190"),
        ({"id": "a" * 191}, "id", "is 'aaa", "3 to 190"),
        ({"id": "a/b/c"}, "id", "'a/b/c'", "letters"),
        ({"id": "../plugin"}, "id", "'../plugin'", "begin with a letter"),
        ({"id": "a..b"}, "id", "'a..b'", "no '..'"),
        ({"id": "abc\n"}, "id", r"'abc\n'", "letters"),
        ({"id": None}, "id", "is missing", "com.example.hello"),
        ({"id": 17}, "id", "is the number 17", '"17"'),
        ({"id": ["x"]}, "id", "is ['x']", "string"),
        ({"version": "1.0"}, "version", "'1.0'", "MAJOR.MINOR.PATCH"),
        ({"version": "01.0.0"}, "version", "'01.0.0'", "MAJOR.MINOR.PATCH"),
        ({"version": 1.5}, "version", "is the number 1.5", '"1.5"'),
        ({"min_server_version": "x"}, "min_server_version", "'x'", "MAJOR.MINOR.PATCH"),
        ({"homepage_url": "javascript:alert(1)"}, "homepage_url", "'javascript:alert(1)'", "https://"),
        ({"props": {"replicas": 0}}, "props", "has 'replicas' 0", "from 1 to 64"),
        ({"props": {"replicas": 65}}, "props", "has 'replicas' 65", "from 1 to 64"),
        ({"props": {"replicas": "2"}}, "props", "has 'replicas' '2'", "how many processes"),
        ({"props": {"replicas": True}}, "props", "has 'replicas' True", "how many processes"),
        ({"props": {"replicas": 2.0}}, "props", "has 'replicas' 2.0", "how many processes"),
        ({"server": None}, "server", "is missing", '"executable": "plugin.py"'),
        ({"server": []}, "server", "is []", "dictionary"),
        ({"runtime": "go"}, "server.runtime", "is 'go'", 'set it to "python"'),
        ({"runtime": "", "executable": "plugin"}, "server.runtime", "is missing", 'set it to "python"'),
        ({"executable": ""}, "server.executable", "is missing", "plugin.py"),
        ({"app": "site"}, "server.app", "is 'site'", "MODULE:ATTRIBUTE"),
        ({"app": "site:app()"}, "server.app", "is 'site:app()'", "MODULE:ATTRIBUTE"),
        ({"app": "-c:app"}, "server.app", "is '-c:app'", "MODULE:ATTRIBUTE"),
        ({"app": "site:app"}, "server.app", "stands beside server.executable", "name one"),
        ({"executable": "gone.py"}, "server.executable", "no file 'gone.py'", "correct the path"),
        ({"executable": "."}, "server.executable", "no file '.'", "correct the path"),
        ({"executable": "../other.py"}, "server.executable", "leads out", "inside"),
        ({"executable": "/bin/sh"}, "server.executable", "leads out", "inside"),
        ({"executable": "", "python": {"entry_point": "x.py"}}, "server.python.entry_point", "no file 'x.py'", "path"),
        ({"executables": {"linux-amd64": 5}}, "server.executables.linux-amd64", "the number 5", "quotes"),
        ({"python_version": "three"}, "server.python_version", "'three'", '">=3.10,<3.14"'),
        ({"python_version": 3.11}, "server.python_version", "the number 3.11", 'in quotes, such as "3.11"'),
    ],
)
def test_what_is_wrong_with_a_field_is_told(
    tmp_path: Path, fields: dict[str, object], field: str, problem: str, remedy: str
) -> None:
    error = failure(write(tmp_path, changed(**fields)))
    assert (error.file, error.field) == (tmp_path / "plugin.json", field)
    assert str(error).startswith(f"{tmp_path / 'plugin.json'}: {field}: ")
    assert problem in error.problem
    assert remedy in error.remedy
    assert error.exit_code == 3


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("")
    write(tmp_path / "plugin", changed(executable="link.py"))
    (tmp_path / "plugin" / "link.py").symlink_to("../outside.py")
    assert "leads out" in failure(tmp_path / "plugin").problem


def test_a_sibling_folder_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    write(tmp_path / "plugin-evil", GOOD)
    error = failure(write(tmp_path / "plugin", changed(executable="../plugin-evil/plugin.py")))
    assert "leads out" in error.problem


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("plugin.json", '{\n  "id": oops\n}', "line 2 column 9"),
        ("plugin.json", "", "line 1 column 1"),
        ("plugin.yaml", "id: a\nserver: [1,\n", "line 3 column 1"),
        ("plugin.yaml", "id: \x07\n", "line 1 column 1"),
    ],
)
def test_a_syntax_error_is_told_with_its_place(tmp_path: Path, name: str, text: str, place: str) -> None:
    error = failure(write(tmp_path, text, name))
    assert error.problem.startswith(place)
    assert error.remedy == f"correct the {name[7:].upper()}"


@pytest.mark.parametrize(("text", "problem"), [("[]", "does not hold an object"), ("3", "does not hold an object")])
def test_a_manifest_that_is_no_object_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert failure(write(tmp_path, text)).problem == problem


def test_a_manifest_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plugin.json").write_bytes(b'{"id": "\xff"}')
    assert "UTF-8" in failure(tmp_path).problem


def test_a_manifest_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load_manifest(write(tmp_path, "\ufeff" + json.dumps(GOOD))).id == "com.example.good"


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    assert "has no manifest" in str(failure(tmp_path))


def test_a_manifest_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "plugin.json").mkdir()
    assert "cannot be read" in failure(tmp_path).problem


@pytest.mark.parametrize(
    ("target", "problem"), [("/dev/zero", "is no plain file"), ("pipe", "is no plain file"), ("large", "has more than")]
)
def test_a_manifest_is_a_plain_file_of_bounded_size(tmp_path: Path, target: str, problem: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * (LARGEST + 1))
    (tmp_path / "plugin.json").symlink_to(target)
    assert problem in failure(tmp_path).problem


@pytest.mark.parametrize(
    "text",
    [
        "id: 2026-13-01",
        "id: !!timestamp x",
        "id: !!bool x",
        "id: !!int x",
        f"id: {'1' * 5000}",
        "? [a]\n: b",
        f'{{"id": {"1" * 5000}}}',
        "a: &a [1]\nid: *a",
        "a: &a [*a]",
    ],
)
def test_values_that_cannot_be_read_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / ("plugin.json" if text.startswith("{") else "plugin.yaml")).write_text(text)
    assert "line 1" in failure(tmp_path).problem or "line 2" in failure(tmp_path).problem


def test_a_few_lines_of_yaml_do_not_stand_for_more_than_they_are(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]", *(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12))]
    (tmp_path / "plugin.yaml").write_text("\n".join((*lines, "id: *a11")))
    assert "an alias; write out what it stands for" in failure(tmp_path).problem


@pytest.mark.parametrize("script", ["a\0.py", "a" * 5000 + ".py", "\ud800.py"])
def test_a_script_that_cannot_be_a_path_is_told(tmp_path: Path, script: str) -> None:
    error = failure(write(tmp_path, changed(server={"executable": script})))
    assert (error.field, "cannot be a path" in error.problem) == ("server.executable", True)


def ids(manifests: list[Manifest]) -> list[str]:
    return [manifest.id for manifest in manifests]


def test_plugins_are_found_in_a_folder_of_them(tmp_path: Path) -> None:
    write(tmp_path / "b", changed(id="com.example.b"))
    write(tmp_path / "a", changed(id="com.example.a"), "plugin.yml")
    (tmp_path / "no_plugin").mkdir()
    (tmp_path / "README.md").write_text("")
    manifests, errors = discover([tmp_path])
    assert (ids(manifests), errors) == (["com.example.a", "com.example.b"], [])


def test_a_bad_plugin_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path / "bad", changed(id="!"))
    write(tmp_path / "good", GOOD)
    manifests, errors = discover([tmp_path])
    assert ids(manifests) == ["com.example.good"]
    assert [error.file for error in errors] == [tmp_path / "bad" / "plugin.json"]


def test_an_id_used_twice_is_an_error_that_names_both_folders(tmp_path: Path) -> None:
    first, second = write(tmp_path / "1", GOOD), write(tmp_path / "2", changed(id="COM.example.good"))
    manifests, errors = discover([first, second])
    assert [manifest.folder for manifest in manifests] == [first]
    assert len(errors) == 1
    assert str(first) in str(errors[0])
    assert str(second) in str(errors[0])


def test_a_folder_named_twice_is_one_plugin(tmp_path: Path) -> None:
    folder = write(tmp_path / "good", GOOD)
    manifests, errors = discover([tmp_path, folder, tmp_path / "good" / "..", folder])
    assert (ids(manifests), errors) == (["com.example.good"], [])


@pytest.mark.parametrize(
    ("path", "problem"), [("gone", "does not exist"), ("empty", "none of its folders"), ("file", "is not a folder")]
)
def test_a_path_without_any_plugin_is_an_error(tmp_path: Path, path: str, problem: str) -> None:
    (tmp_path / "empty" / "child").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    manifests, errors = discover([tmp_path / path])
    assert manifests == []
    assert [problem in error.problem for error in errors] == [True]


def test_relative_paths_are_told_as_given_and_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "good", GOOD)
    write(tmp_path / "bad", changed(id="!"))
    monkeypatch.chdir(tmp_path)
    manifests, errors = discover([Path("good"), Path("bad")])
    assert manifests[0].script == tmp_path / "good" / "plugin.py"
    assert str(errors[0]).startswith("bad/plugin.json: id: ")
