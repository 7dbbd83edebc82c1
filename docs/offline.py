"""A hook of mkdocs: a page that would load something from elsewhere fails the build."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

LOADS = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>|<link\b[^>]*>""")
HARMLESS = re.compile(r"""rel=["']?(?:canonical|next|prev)\b|href=["']?(?!(?:https?:)?//)""")


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Look at a page as it is written.

    Raises:
        PluginError: it loads something from elsewhere.
    """
    for tag in LOADS.findall(output):
        if not (tag.startswith("<link") and HARMLESS.search(tag)):
            raise PluginError(f"{page.file.src_uri} loads something from elsewhere: {tag}")
    return output
