"""Names that the vocabulary or the division into rooms replaced (docs/vocabulary.md) stand in no file any more."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Modules that lay directly in an app and moved into its rooms. Rooms that have the name of such a module are left out.
MOVED = {
    "alerts": """answering answers chain checks choices drills duress ending expiry false_alarms fanout heartbeats
        intake lifecycle links own_policy owner_timeline owner_view page_urls places planning policies raising reach
        reasons retention sealing serializers texts truth views""",
    "identity": """authentication backends bearer codes conversion fields hashing idempotency openapi passwords rates
        requests signin versions""",
    "messaging": """addresses alarms call_views claims clock coalescing dispatch each evidence inserting keypad limits
        notices optouts outages pacing recording routing sealing senders settling sql sweeping watching""",
}
# Names that had another meaning in the vocabulary: the module, the old name, the new name.
RENAMED = [
    ("geo/history.py", "Place", "Cursor"),
    ("geo/nearness.py", "Place", "ZoneState"),
    ("geo/retention.py", "keep", "purge"),
    ("messaging/encryption.py", "seal", "encrypt"),
    ("messaging/encryption.py", "unseal", "decrypt"),
]


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file in git but this one; files that are no text are left out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in listed.splitlines():
        if ROOT / path != Path(__file__):
            try:
                yield path, (ROOT / path).read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError):
                continue


def mentions(app: str, names: str) -> re.Pattern[str]:
    """Matches `app.name`, `app/name.py`, `app/name/` and `from app import ..., name`, but no path of another folder."""
    either = "|".join(names.split())
    imported = rf"from {app} import (?:\([^)]*?|[^\n]*?)"
    return re.compile(rf"(?<![\w./]){app}(?:\.(?:{either})(?!\w)|/(?:{either})(?:\.py|/))|{imported}\b(?:{either})\b")


def found(app: str, names: str) -> list[str]:
    pattern = mentions(app, names)
    return [f"{path}: {match[0]}" for path, text in texts() for match in pattern.finditer(text)]


def defined(module: str) -> set[str]:
    """The names of functions and classes at the top of a module."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("app", MOVED)
def test_no_file_names_a_module_that_moved_into_a_room(app: str) -> None:
    assert found(app, MOVED[app]) == []


@pytest.mark.parametrize(("module", "old", "new"), RENAMED)
def test_a_name_of_the_old_vocabulary_is_not_defined(module: str, old: str, new: str) -> None:
    assert old not in defined(module)
    assert new in defined(module)


def test_no_public_function_is_called_of() -> None:
    modules = [path for path, _ in texts() if path.endswith(".py") and not path.startswith("tests/")]
    assert [module for module in modules if "of" in defined(module)] == []


@pytest.mark.parametrize(
    ("text", "is_old"),
    [
        ("from alerts.fanout import told", True),
        ("from alerts import reach, retention as timers", True),
        ("from alerts import (\n    models,\n    lifecycle,\n)", True),
        ("`alerts/fanout.py` writes them.", True),
        ("from alerts.contacts import links", False),
        ("from alerts.timers import lifecycle", False),
        ("alerts/views/__init__.py", True),
        ("tests/alerts/links.py and alerts/contacts/links.py", False),
        ("alerts/choices.html", False),
        ("from alerts import models\nlinks = 1", False),
        ("alerts.linked", False),
    ],
)
def test_old_modules_are_found_in_imports_and_paths(text: str, is_old: bool) -> None:
    assert bool(mentions("alerts", MOVED["alerts"]).search(text)) is is_old
