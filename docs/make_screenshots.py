"""Takes the console's pictures for docs/operating.md, docs/pictures/console-*.png, while something is wrong.

Usage: python docs/make_screenshots.py [FOLDER]

It needs Debian's chromium, or another one by CHROMIUM=, and Playwright, which drives it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from servehttp.testing import Gateway
from support.browsers import Browser, browser, chromium
from support.night import CHAT, MAILER, SHOP, ask, customers, troubled_gateway

PICTURES = Path(__file__).with_name("pictures")
BEFORE, AFTER = 25.0, 20.0
"""Seconds of customers before something goes wrong, and after it: what the lines show."""
PAGES = {
    "plugins": "/console/",
    "plugin": f"/console/plugins/{SHOP}",
    "failed": f"/console/plugins/{MAILER}",
    "requests": "/console/requests",
    "logs": "/console/logs",
    "hooks": "/console/hooks",
    "install": "/console/install",
    "workspace": "/console/workspace",
}
SHOWN = {("plugins", "wide"), ("plugin", "phone")}
"""The pictures that are in the documentation."""
WIDE, NARROW = (1400, 680), (390, 844)


def main() -> None:
    """Take them all, or into another folder all pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as data, troubled_gateway(Path(data)) as gateway, customers(gateway):
        time.sleep(BEFORE)
        ask(gateway, SHOP, "export")
        ask(gateway, MAILER, "send")
        ask(gateway, CHAT, "messages")
        time.sleep(AFTER)
        with chromium() as program:
            with browser(program, WIDE, "light") as page:
                _take(page, gateway, "wide", folder)
            with browser(program, NARROW, "dark") as page:
                _take(page, gateway, "phone", folder)


def _take(page: Browser, gateway: Gateway, name: str, folder: Path | None) -> None:
    page.sign_in(gateway.url, gateway.admin_token)
    for what, path in PAGES.items():
        if folder is None and (what, name) not in SHOWN:
            continue
        page.open(gateway.url + path)
        page.picture((folder or PICTURES) / f"console-{what}-{name}.png", whole=folder is not None)


if __name__ == "__main__":
    main()
