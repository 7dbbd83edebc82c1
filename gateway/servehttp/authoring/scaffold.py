"""Beginning a plugin: a folder made from a template, which serves and passes its own tests as it is."""

from __future__ import annotations

import json
import keyword
import re
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from servehttp.errors import GatewayError, ManifestError
from servehttp.plugins.manifest import load_manifest

TEMPLATES = Path(__file__).with_name("templates")
COMMON = "common"
HIDDEN = {"gitignore": ".gitignore"}
"""Names of files that would mean something to the tools of this project."""
TEMPLATE_ID, TEMPLATE_CLASS, TEMPLATE_TITLE = "com.example.template", "TemplatePlugin", "Template title"
"""What stands in the templates, and so must be replaced."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,60}")


class Template(StrEnum):
    """What a plugin can begin as."""

    PAGE = "page"
    API = "api"
    SSE = "sse"
    UPLOAD = "upload"
    WEBSOCKET = "websocket"
    COMMAND = "command"
    FASTAPI = "fastapi"


DESCRIPTIONS = {
    Template.PAGE: "A page, and what it asks for",
    Template.API: "A small JSON API over the key-value store",
    Template.SSE: "Server-sent events",
    Template.UPLOAD: "Uploads of any size",
    Template.WEBSOCKET: "A chat over WebSockets",
    Template.COMMAND: "A slash command",
    Template.FASTAPI: "A FastAPI application",
}


class ScaffoldError(GatewayError):
    """A plugin that cannot be begun; the message says why, and what to do."""


@dataclass(frozen=True)
class Names:
    """What a new plugin is called.

    Attributes:
        folder: of its folder.
        id: its id.
        title: for people.
        class_name: of its class.
    """

    folder: str
    id: str
    title: str
    class_name: str

    @classmethod
    def of(cls, name: str, plugin_id: str | None = None) -> Names:
        """The names that follow from one.

        Raises:
            ScaffoldError: it cannot be a name.
        """
        if not _NAME.fullmatch(name):
            raise ScaffoldError(
                f"{name!r:.100} cannot be the name of a plugin; use a letter and then 1 to 60 letters, digits, - and "
                "_, such as my-notes"
            )
        words = [word for word in re.split(r"[-_]", name) if word]
        class_name = "".join(word[:1].upper() + word[1:] for word in words)
        if keyword.iskeyword(class_name) or class_name in ("Plugin", "Path"):
            class_name += "Plugin"
        return cls(name, plugin_id or f"com.example.{name.lower()}", " ".join(words).capitalize(), class_name)

    def written_into(self, text: str) -> str:
        """A template's text with these names in it."""
        for placeholder, name in (
            (TEMPLATE_ID, self.id),
            (TEMPLATE_CLASS, self.class_name),
            (TEMPLATE_TITLE, self.title),
        ):
            text = text.replace(placeholder, name)
        return text


def create(names: Names, template: Template, parent: Path) -> Path:
    """Make the folder of a new plugin; returns it.

    Args:
        names: what the plugin is called.
        template: what it begins as.
        parent: the folder in which its own is made.

    Raises:
        ScaffoldError: there is one of this name, or its id can be none.
        OSError: it cannot be made.
    """
    folder = parent / names.folder
    if folder.exists():
        raise ScaffoldError(f"{folder} is there already, and nothing is overwritten; choose another name")
    with tempfile.TemporaryDirectory(dir=parent, prefix=".new-") as made:
        whole = Path(made) / names.folder
        whole.mkdir()
        for source in (TEMPLATES / COMMON, TEMPLATES / template):
            _fill(whole, source, names)
        _write_manifest(whole, names, template)
        try:
            load_manifest(whole)
        except ManifestError as error:
            raise ScaffoldError(f"the {error.field} {error.problem}; {error.remedy}") from None
        shutil.move(whole, folder)
    return folder


def _fill(folder: Path, source: Path, names: Names) -> None:
    for file in sorted(path for path in source.iterdir() if path.is_file()):
        text = names.written_into(file.read_text(encoding="utf-8"))
        (folder / HIDDEN.get(file.name, file.name)).write_text(text, encoding="utf-8")


def _write_manifest(folder: Path, names: Names, template: Template) -> None:
    manifest = {
        "id": names.id,
        "name": names.title,
        "description": DESCRIPTIONS[template],
        "version": "0.1.0",
        "server": {"runtime": "python", "executable": "plugin.py", "python_version": ">=3.11"},
    }
    (folder / "plugin.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
