"""Finds libfaketime, with which a test starts a process whose clock shows another time."""

from __future__ import annotations

from pathlib import Path

# Debian's folders, one for each architecture, and those of other systems.
_FOLDERS = ("/usr/lib/*/faketime", "/usr/lib*/faketime", "/usr/local/lib/faketime")


def library() -> Path | None:
    """The preload library for programs with threads; None when it is not installed."""
    root = Path("/")
    found = (path for folder in _FOLDERS for path in root.glob(f"{folder[1:]}/libfaketimeMT.so.1"))
    return next(found, None)
