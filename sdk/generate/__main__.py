"""Write what is made from the .proto files and the API table: the models, both API clients, docs/api.md.

python sdk/generate           write the files, and remove those that are left over
python sdk/generate --check   write nothing; name each file that differs, is missing or left over; exit 1

Needs grpcio-tools and ruff.
"""

from __future__ import annotations

import sys
from pathlib import Path

import client_code
import definitions
import docs_page
import formatting
import model_code
import protos

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk" / "mattermost_plugin"
PAGE = ROOT / "docs" / "api.md"


def generate() -> dict[Path, str]:
    """The text of every generated file."""
    contract = protos.load()
    domains = definitions.read(contract)
    code = formatting.python(model_code.files(contract) | client_code.files(domains))
    return {SDK / path: text for path, text in code.items()} | {PAGE: docs_page.page(domains)}


def present() -> dict[Path, str]:
    """The text of every file there is that was generated; those of Python say so."""
    texts = {path: path.read_text(encoding="utf-8") for path in SDK.rglob("*.py")}
    pages = {path: path.read_text(encoding="utf-8") for path in (PAGE,) if path.exists()}
    return {path: text for path, text in texts.items() if text.startswith(formatting.MARK)} | pages


def compare(generated: dict[Path, str], present: dict[Path, str]) -> list[str]:
    """One line for each file that is not as it should be."""
    problems = []
    for path in sorted(generated.keys() | present.keys()):
        if path not in present:
            problems.append(f"{path} is missing")
        elif path not in generated:
            problems.append(f"{path} is left over")
        elif generated[path] != present[path]:
            problems.append(f"{path} differs")
    return problems


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    generated, before = generate(), present()
    problems = compare(generated, before)
    if arguments:
        print("\n".join(problems) or f"{len(generated)} generated files are as they should be")
        return 1 if problems else 0
    for path in before.keys() - generated.keys():
        path.unlink()
    for path, text in generated.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(generated)} files written, {len(problems)} of them changed or removed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
