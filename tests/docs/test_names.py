"""Code and documentation speak of the same things."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import mattermost_plugin
import servehttp
from docs.pages import DOCS, PAGES, blocks, prose
from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient
from servehttp.plugins.manifest import Manifest, PythonSection, ServerSection
from servehttp.settings.sources import NO_SETTINGS, environment_name, every_setting
from servehttp.workspace.settings import Settings

GUIDE = (DOCS / "python-plugins.md").read_text(encoding="utf-8")
DOCUMENTED = sorted(
    {name for page in (DOCS / "reference").glob("*.md") for name in re.findall(r"^::: (\S+)", page.read_text(), re.M)}
)
OTHER_NAMES = {
    "metrics.txt",
    "workspace.db",
    *(f"server.{field}" for field in ServerSection.model_fields),
    *(f"server.python.{field}" for field in PythonSection.model_fields),
}
"""Names in the pages that look like those of settings: files, and a manifest's fields."""


def resolve(name: str) -> object:
    """The module, class or function of a dotted name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        home, _, last = name.rpartition(".")
        return getattr(resolve(home), last)


def sources() -> list[Path]:
    """The files of all modules that the reference describes."""
    objects = (resolve(name) for name in DOCUMENTED)
    modules = {thing if isinstance(thing, ModuleType) else inspect.getmodule(thing) for thing in objects}
    return sorted(Path(str(module.__file__)) for module in modules if module is not None)


def undocumented(node: ast.AST, prefix: str = "") -> Iterator[str]:
    """The public classes, functions and methods without a docstring; overloads have that of what follows them."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator) for decorator in child.decorator_list}
        if ast.get_docstring(child) is None and "overload" not in decorators:
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f"{prefix}{child.name}.")


@pytest.mark.parametrize("module", [mattermost_plugin, servehttp], ids=lambda module: module.__name__)
def test_every_public_name_has_a_docstring(module: ModuleType) -> None:
    assert module.__doc__
    for name in module.__all__:
        value = getattr(module, name)
        assert isinstance(value, str) or inspect.getdoc(value), name


@pytest.mark.parametrize("source", sources(), ids=lambda source: f"{source.parent.name}.{source.stem}")
def test_everything_in_the_reference_has_a_docstring(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert list(undocumented(tree)) == []


@pytest.mark.parametrize("client", [PluginAPIClient, AsyncPluginAPIClient])
def test_all_236_methods_are_listed(client: type) -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)\(", text, re.MULTILINE)
    assert len(listed) == len(set(listed)) == 236
    assert [name for name in listed if not callable(getattr(client, name, None))] == []


def test_the_guide_names_only_methods_of_the_api_that_exist() -> None:
    domains = GUIDE.partition("## API reference")[2].partition("### Sync and async")[0]
    rows = [row.split("|")[2] for row in domains.splitlines() if row.startswith("| ")][1:]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert named
    assert [name for name in named if not hasattr(AsyncPluginAPIClient, name)] == []


def test_every_field_of_a_manifest_is_in_the_guide() -> None:
    section = GUIDE.partition("## Plugin manifest")[2].partition("## SDK reference")[0]
    fields = {*Manifest.model_fields, *ServerSection.model_fields, *PythonSection.model_fields} - {"file", "python"}
    assert [field for field in fields if not re.search(rf"`[\w.]*\b{field}\b[\w.]*`", section)] == []


def test_settings_that_pages_name_exist() -> None:
    known = {name for name, _ in every_setting(Settings)}
    groups = "|".join({name.partition(".")[0] for name in known if "." in name})
    for page in PAGES:
        named = re.findall(rf"`((?:{groups})\.[a-z_]+)[` ]", prose(page))
        assert [name for name in named if name not in known | OTHER_NAMES] == [], page.name


@pytest.mark.parametrize("page", ["deployment.md", "operating.md"])
def test_the_settings_that_pages_show_are_read(tmp_path: Path, page: str) -> None:
    examples = [block.text for block in blocks(DOCS / page) if block.language == "toml"]
    assert examples
    for text in examples:
        file = tmp_path / "servehttp.toml"
        file.write_text(text, encoding="utf-8")
        Settings.load(file)


def test_environment_variables_that_pages_name_exist() -> None:
    known = {"SERVEHTTP_", *NO_SETTINGS, *(environment_name(name) for name, _ in every_setting(Settings))}
    for page in PAGES:
        assert set(re.findall(r"SERVEHTTP_[A-Z_]*", prose(page))) <= known, page.name
