"""Writes docs/host-api.md from the table of handlers; with --check it only compares.

Usage: python docs/make_rpcs.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from servehttp.workspace.rpc.table import HANDLERS, RPCS

PAGE = Path(__file__).with_name("host-api.md")

INTRODUCTION = """\
<!-- Made by docs/make_rpcs.py from gateway/servehttp/workspace/rpc/handlers; do not edit. -->

# The plugin API of the host

The embedded workspace serves {served} of the {all} rpcs of `PluginAPI`. The others are answered with an AppError of
status 501 that names the rpc. What a rpc does is said in `proto/mattermost/pluginapi/v1/api.proto`; the module is the
one below `gateway/servehttp/workspace/rpc/handlers` that answers it.

Served within the limits of a single node without a licence: `GetLicense` and `GetCloudLimits` are empty;
`PublishPluginClusterEvent` reaches the plugin's other processes, and where there are none nobody, as in a Mattermost
without a cluster; `SendMail` needs `EmailSettings.SMTPServer` in the configuration; `SendPushNotification` asks the
plugins, and then says 501, for there is no push proxy; `ExecuteSlashCommand` says 501 to stored commands, whose
addresses are not called; `SyncSharedChannel` hands posts to remotes when it is called, and nothing does so by itself.

| rpc | served | module |
|---|---|---|
"""


def page() -> str:
    """The whole text."""
    return INTRODUCTION.format(served=len(HANDLERS), all=len(RPCS)) + "".join(map(_row, RPCS))


def _row(rpc: str) -> str:
    if rpc not in HANDLERS:
        return f"| `{rpc}` | no | |\n"
    module = HANDLERS[rpc].__module__.rpartition(".")[2]
    return f"| `{rpc}` | yes | `{module}` |\n"


def main() -> None:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/host-api.md is not what the handlers say: run python docs/make_rpcs.py")


if __name__ == "__main__":
    main()
