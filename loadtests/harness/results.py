"""Results as files: JSON that holds everything, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.sides import LOADTESTS
from servehttp.build import is_compiled

RESULTS = LOADTESTS / "results"


def results_path(kind: str, *, whole: bool) -> Path:
    """Where results go: those of a run that leaves things out, or of the pure build, do not replace the others."""
    return RESULTS / f"{kind}{'' if whole else '-part'}{'' if is_compiled() else '-pure'}.json"


def publishable(document: Mapping[str, Any]) -> bool:
    """Tell whether a document is of the compiled build: figures of the pure one are not published."""
    return bool(document["versions"].get("servehttp") == "compiled")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Keep a document; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(document), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep rows that all have the same columns."""
    rows = [rounded(row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def rounded(value: Any) -> Any:
    """A result with floats of six significant digits: more is noise."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value
