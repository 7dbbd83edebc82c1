"""A real Chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright

from servehttp.operating.rest_client import RestClient, RestError, Token

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
"""Its program; empty where there is none."""
OPERATOR, PASSWORD = "operator", "correct horse battery"
Scheme = Literal["light", "dark"]


class Browser:
    """One page in a browser of its own.

    Attributes:
        page: as Playwright has it.
        errors: what its console was told that is an error.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, url: str, token: str) -> None:
        """Be an administrator, by the login page; one who is made by the access token of another, if need be."""
        rest = RestClient(url, Token(token, "the data folder"))
        with contextlib.suppress(RestError):  # they are there
            user = {"username": OPERATOR, "email": f"{OPERATOR}@example.com", "password": PASSWORD}
            made = rest.call("POST", "/users", user)
            rest.call("PUT", f"/users/{made['id']}/roles", {"roles": "system_user system_admin"})
        self.open(f"{url}/console/")
        self.page.locator("[name=login_id]").fill(OPERATOR)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("button").click()
        self.page.wait_for_url(f"{url}/console/")

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self.page.goto(url, wait_until="load")

    def picture(self, file: Path, *, whole: bool = False) -> None:
        """Take a picture of what is seen, or of the whole page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file, full_page=whole)

    def overflows(self) -> bool:
        """Whether the page is wider than the screen."""
        wider: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wider


@contextmanager
def chromium() -> Iterator[Chromium]:
    """The program, without a window yet; there can be but one at a time."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield program
        finally:
            program.close()


@contextmanager
def browser(program: Chromium, size: tuple[int, int], scheme: Scheme = "light") -> Iterator[Browser]:
    """A window of this size, with cookies of its own."""
    width, height = size
    page = program.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        yield Browser(page)
    finally:
        page.close()
