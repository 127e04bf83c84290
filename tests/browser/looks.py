"""Whether a page can be used: its width, and the violations that axe finds."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

LANGUAGES = ["ky", "ru", "en"]


def serious(page: Page) -> list[Any]:
    """The serious and critical accessibility violations, each with its first element."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]


def fits(page: Page) -> bool:
    """Whether the page is no wider than the screen."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)
