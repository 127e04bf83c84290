"""Pages in a real browser: one Chromium for each file of tests, and a fresh context for each page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, ViewportSize, sync_playwright

from deploy.local import browser as chromium
from deploy.local.environment import ROOT

SCREENSHOTS = ROOT / "var" / "screenshots"
PHONE = ViewportSize(width=360, height=740)
DESKTOP = ViewportSize(width=1280, height=900)
# One grey tile of 1 x 1 pixel.
TILE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6338010000ca00c999ca5d7e0000000049454e44ae426082"
)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, where Django would otherwise refuse every query.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=chromium.program(), args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, live_server: Any, settings: Any) -> Iterator[Open]:
    """Open a path of the live server as a contact would.

    `tiles`: whether the tile server answers. `before`: a script to run before the page's own. `watch`: called with
    every request. `frozen_clock`: the timers of the page move only with `page.clock`. Other options go to the context.
    """
    settings.MAP_TILE_URL = "https://tile.example/{z}/{x}/{y}.png"
    contexts: list[BrowserContext] = []

    def open_page(
        path: str,
        *,
        tiles: bool = True,
        before: str = "",
        watch: Callable[[Request], None] | None = None,
        frozen_clock: bool = False,
        **options: Any,
    ) -> Page:
        context = browser.new_context(**({"viewport": PHONE} | options))
        contexts.append(context)
        context.set_default_timeout(5_000)
        context.route("https://tile.example/**", lambda route: _tile(route) if tiles else route.abort())
        context.add_init_script(before)
        page = context.new_page()
        if watch:
            page.on("request", watch)
        if frozen_clock:
            page.clock.install()
        page.goto(live_server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def _tile(route: Route) -> None:
    route.fulfill(body=TILE, content_type="image/png")


def photograph(page: Page, name: str) -> Path:
    """Take a screenshot of the whole page, for people to look at; returns its path."""
    page.wait_for_load_state()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
