"""The console in a real browser, wide and on a phone: what people see and do, and whether everybody can.

The last test is the night of an operator: which plugin is slow, why, and its restart, on a screen of 390 pixels.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed")

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from servehttp.testing.gateway import Gateway
from support.browsers import CHROMIUM, OPERATOR, Browser, browser, chromium
from support.bundles import plugin_bundle
from support.night import CHAT, MAILER, SHOP, ask, customers, troubled_gateway
from support.operated import PROGRAM

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no chromium; Debian has it as a package")

PHONE = (390, 844)
PAGES = (
    "", f"plugins/{SHOP}", f"plugins/{MAILER}", "requests", "requests/nothing", "logs", "hooks", "install", "workspace",
)  # fmt: skip
CHECKED_DARK = ("", f"plugins/{SHOP}", "logs")
"""Pages that have all colours that there are."""
INSTALLED = "com.example.installed"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all, on which the mailer has failed."""
    with troubled_gateway(tmp_path_factory.mktemp("night")) as gateway:
        for plugin_id, path in ((SHOP, "prices"), (CHAT, "messages"), (MAILER, "send")):
            ask(gateway, plugin_id, path)
        yield gateway


@pytest.fixture(scope="module")
def program() -> Iterator[Chromium]:
    with chromium() as program:
        yield program


@pytest.fixture(scope="module")
def wide(gateway: Gateway, program: Chromium) -> Iterator[Browser]:
    """A large window in which the administrator is signed in."""
    with browser(program, (1400, 900), "light") as window:
        window.sign_in(gateway.url, gateway.admin_token)
        yield window


@pytest.fixture(scope="module")
def window(gateway: Gateway, program: Chromium) -> Iterator[Browser]:
    """A phone in which the administrator is signed in; it is dark."""
    with browser(program, PHONE, "dark") as window:
        window.sign_in(gateway.url, gateway.admin_token)
        yield window


@pytest.mark.parametrize("size", ["wide", "window"])
def test_everybody_can_use_each_page(gateway: Gateway, size: str, request: pytest.FixtureRequest) -> None:
    from axe_playwright_python.sync_playwright import Axe

    window: Browser = request.getfixturevalue(size)
    for path in PAGES:
        window.open(f"{gateway.url}/console/{path}")
        assert not window.overflows(), path
        if size == "wide" or path in CHECKED_DARK:
            found = Axe().run(window.page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
    problems = [error for error in window.errors if "404" not in error]  # that of the request that is not there
    assert problems == []


def test_the_keyboard_reaches_the_content_first(gateway: Gateway, window: Browser) -> None:
    window.open(f"{gateway.url}/console/")
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_text("Skip to the content")).to_be_focused()
    window.page.keyboard.press("Enter")
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.closest('main') !== null")


def test_settings_are_checked_stored_and_taken_back(gateway: Gateway, window: Browser) -> None:
    page, address = window.page, f"{gateway.url}/console/plugins/{SHOP}"
    window.open(address)
    page.get_by_label("Workers for reports").fill("8")
    page.get_by_label("Key of the payment service").fill("very secret")
    page.get_by_label("Show discounts").uncheck()
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_text("The settings were stored.")).to_be_visible()
    expect(page.get_by_label("Workers for reports")).to_have_value("8")
    expect(page.get_by_label("Show discounts")).not_to_be_checked()
    assert "very secret" not in page.content()
    for box in page.get_by_label("take the default again").all():
        box.check()
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_label("Workers for reports")).to_have_value("4")
    expect(page.get_by_label("take the default again")).to_have_count(0)


def test_a_bundle_is_installed_disabled_and_removed(gateway: Gateway, window: Browser, tmp_path: Path) -> None:
    page, bundle = window.page, tmp_path / "bundle.tar.gz"
    bundle.write_bytes(plugin_bundle(INSTALLED, PROGRAM, "1.0.0"))
    window.open(f"{gateway.url}/console/install")
    page.get_by_label("Bundle").set_input_files(bundle)
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_text("The bundle was installed.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", name=INSTALLED)).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Enable")).to_be_visible(timeout=15_000)
    page.get_by_label(re.compile("delete its files")).check()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The plugin was removed.")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name=INSTALLED)).to_have_count(0)


def test_the_log_is_seen_as_it_is_written(gateway: Gateway, window: Browser) -> None:
    page = window.page
    window.open(f"{gateway.url}/console/logs?plugin={SHOP}&level=info")
    expect(page.get_by_text("Followed as it is written.")).to_be_visible()
    before = page.get_by_text("export job 118 begins").count()
    ask(gateway, SHOP, "export")
    expect(page.get_by_text("export job 118 begins")).to_have_count(before + 1)
    window.open(f"{gateway.url}/console/plugins/{SHOP}")
    page.get_by_role("button", name="Restart").click()  # or its reports are slow from now on
    expect(page.get_by_text(re.compile("started anew"))).to_be_visible()


def test_sessions_are_ended(gateway: Gateway, window: Browser) -> None:
    page = window.page
    window.open(f"{gateway.url}/console/workspace")
    page.get_by_role("link", name=OPERATOR).click()
    page.get_by_role("button", name="End all sessions").click()
    page.wait_for_url(re.compile("/login"))  # its own was among them
    window.sign_in(gateway.url, gateway.admin_token)


def test_who_is_not_signed_in_comes_back_from_the_login(gateway: Gateway, program: Chromium) -> None:
    with browser(program, PHONE) as window:
        window.open(f"{gateway.url}/console/plugins/{CHAT}")
        assert window.page.url == f"{gateway.url}/login?redirect_to=%2Fconsole%2Fplugins%2F{CHAT}"
        window.open(gateway.url)
        window.page.get_by_role("link", name="The console").click()
        expect(window.page).to_have_url(re.compile("/login"))


def test_an_operator_finds_what_is_slow_and_why_and_restarts_it(gateway: Gateway, program: Chromium) -> None:
    ask(gateway, SHOP, "export")
    with customers(gateway), browser(program, PHONE, "dark") as window:
        page = window.page
        window.sign_in(gateway.url, gateway.admin_token)
        window.open(f"{gateway.url}/console/")
        shop = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=SHOP))
        expect(shop.get_by_text("slowest")).to_be_visible(timeout=30_000)
        shop.get_by_role("link", name=SHOP).click()
        output = page.get_by_role("region", name=re.compile("last lines"))
        expect(output.get_by_text("all 4 are taken by export job 118").first).to_be_visible(timeout=15_000)
        expect(page.locator("#open").get_by_text("/report").first).to_be_visible(timeout=15_000)
        page.get_by_role("button", name="Restart").click()
        expect(page.get_by_text(re.compile("started anew"))).to_be_visible(timeout=30_000)
        expect(page.locator("#how").get_by_text("running")).to_be_visible(timeout=30_000)
    with urllib.request.urlopen(gateway.plugin_url("report", plugin_id=SHOP), timeout=30) as answer:
        assert answer.read() == b"sold: 18"
