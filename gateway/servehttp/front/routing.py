"""Which plugin a request is for: decided once, on the raw path, and never on a decoded one.

The rules:

1. `/plugins/{id}/…` is for the plugin with that very id, literally; an id is never percent-encoded.
2. A path with a dot segment (`.` or `..`, percent-encoded or not) or an encoded NUL is refused, wherever it stands.
   Clients resolve dot segments before they send (RFC 3986 §5.2.4), so only an attempt to climb looks like that.
3. What follows is the plugin's own, byte for byte: `%2f` stays `%2f`, and empty segments stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from servehttp.request_rules import check_path

PREFIX: Final = b"/plugins/"
PUBLIC: Final = b"/public/"
"""Behind a plugin's root: files, which are the gateway's to serve if the plugin has a folder of them."""
CONSOLE: Final = b"/console"
MANAGING: Final = b"/api/servehttp/"
"""Where the gateway itself, not its workspace, has an API."""


@dataclass(slots=True, init=False)
class Route:
    """A plugin, and how many bytes of the path are the prefix under which it is mounted."""

    plugin_id: str
    root_length: int

    def __init__(self, plugin_id: str, root_length: int) -> None:
        self.plugin_id = plugin_id
        self.root_length = root_length


def find_route(path: bytes, root_length: int = 0) -> Route | None:
    """The plugin that a raw path is for; None when it is not a plugin's.

    Args:
        path: the raw path, without the query.
        root_length: how many of its bytes are the prefix under which the gateway itself is mounted.

    Raises:
        BadPath: by rule 2.
    """
    if not path.startswith(PREFIX, root_length):
        return None
    check_path(path)
    start = root_length + len(PREFIX)
    end = path.find(b"/", start)
    end = len(path) if end < 0 else end
    if end == start:
        return None
    return Route(path[start:end].decode("latin-1"), end)


def is_console(path: bytes, root_length: int = 0) -> bool:
    """Whether a raw path is one of the console's, or of the API that is beside it.

    Args:
        path: the raw path, without the query.
        root_length: how many of its bytes are the prefix under which the gateway itself is mounted.
    """
    if path.startswith(MANAGING, root_length):
        return True
    end = root_length + len(CONSOLE)
    return path.startswith(CONSOLE, root_length) and (len(path) == end or path[end : end + 1] == b"/")
