"""Finds the headless Chromium in which tests open pages."""

from __future__ import annotations

import ctypes.util
import shutil
import sys
from pathlib import Path

# Any of them will do; the first is the smallest.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Where `playwright install chromium-headless-shell` puts it, on systems that have no such package.
_DOWNLOADED = "ms-playwright/chromium_headless_shell-*/*/*headless*shell"


def program() -> Path | None:
    """The browser's program; None when it is not installed."""
    for name in _PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    return next((Path.home() / ".cache").glob(_DOWNLOADED), None)


def driver_library() -> str | None:
    """The library that Playwright's own Node.js needs on Linux; None if it is missing; "not needed" elsewhere."""
    return ctypes.util.find_library("atomic") if sys.platform == "linux" else "not needed"
