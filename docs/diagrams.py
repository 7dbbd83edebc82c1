"""A hook of mkdocs: blocks of Mermaid become pictures when the site is made; no page needs a script for them."""

from __future__ import annotations

import itertools
from typing import Any

import mermaidx

ID = "my-svg"
"""What the library calls each picture, and its style within."""

_numbers = itertools.count(1)


def on_config(config: Any) -> Any:
    """Have blocks that are fenced as `mermaid` drawn."""
    fence = {"name": "mermaid", "class": "mermaid", "format": draw}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def draw(source: str, *arguments: Any, **options: Any) -> str:
    """The picture that a block of Mermaid describes, as SVG within HTML.

    Args:
        source: the text of the block.
        *arguments: and
        **options: what the Markdown extension tells beside it.
    """
    svg = mermaidx.render(source).svg()
    return f'<div class="diagram">{svg.replace(ID, f"diagram-{next(_numbers)}")}</div>'
