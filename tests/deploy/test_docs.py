"""The documents name files, constants, commands and settings that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.environment import ROOT

DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(ROOT.glob("docs/*.md"))
README_LINES = 150
# Folders that a path in a document begins with; anything else with a slash is an API path or a URL.
_FOLDERS = ("alerts", "config", "deploy", "docs", "geo", "identity", "messaging", "tests", ".github")
_FILE = re.compile(r"[\w.-]+\.(?:md|yml|yaml|txt|toml)|\.env\.example|Makefile")
_CODE = re.compile(r"`([^`]+)`")
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]{2,}")
_TARGET = re.compile(r"\bmake ([a-z]+)\b")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")
# It names the file itself, so it cannot stand in it.
_NOT_IN_THE_EXAMPLE = {"ENV_FILE"}

EXAMPLE = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
DOCUMENTED = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE))


def _named(text: str) -> Iterator[Path]:
    """The files and folders that a text names in backticks."""
    for code in _CODE.findall(text):
        if (code.startswith(tuple(f"{folder}/" for folder in _FOLDERS)) or _FILE.fullmatch(code)) and " " not in code:
            yield ROOT / code


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_a_document_names_exist(document: Path) -> None:
    assert [str(path.relative_to(ROOT)) for path in _named(document.read_text()) if not path.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_a_document_names_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    code = [*_CODE.findall(text), *re.findall(r"^    .*$", text, re.MULTILINE)]
    assert {target for line in code for target in _TARGET.findall(line)} <= targets


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def _rules() -> list[str]:
    """The last cell of each row of docs/rules.md: files, and the names to look for in them."""
    rows = [line for line in (ROOT / "docs" / "rules.md").read_text().splitlines() if line.startswith("| ")]
    return [cell for cell in (row.rstrip(" |").rpartition(" | ")[2] for row in rows) if "/" in cell]


@pytest.mark.parametrize("cell", _rules())
def test_a_rule_is_in_the_file_it_names(cell: str) -> None:
    files = [file for path in _named(cell) for file in (path.rglob("*.py") if path.is_dir() else [path])]
    assert files
    words = {word for file in files for word in re.findall(r"\w+", file.read_text())}
    assert {code for code in _CODE.findall(cell) if _CONSTANT.fullmatch(code)} <= words


def _first_arguments(file: Path) -> Iterator[tuple[str, str]]:
    """Each call whose first argument is a string: what is called, and the string."""
    for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call) and node.args):
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield ast.unparse(call.func), first.value


def test_every_alarm_is_explained() -> None:
    apps = ("alerts", "config", "geo", "identity", "messaging")
    files = [file for app in apps for file in (ROOT / app).rglob("*.py")]
    raised = {code for file in files for called, code in _first_arguments(file) if called in ("alarm", "alarms.alarm")}
    assert "alert_exhausted" in raised
    assert raised <= set(_CODE.findall((ROOT / "docs" / "running.md").read_text()))


def _read_by_the_settings() -> set[str]:
    """The names of variables: each is the first argument of a call that reads it."""
    found: set[str] = set()
    for file in (*ROOT.glob("config/settings*.py"), ROOT / "deploy" / "gunicorn.conf.py"):
        for _, name in _first_arguments(file):
            found |= _written_out(name) if _VARIABLE.fullmatch(name) else set()
    return found


def _written_out(name: str) -> set[str]:
    """A bucket's variables begin with one prefix."""
    if name != "EVIDENCE_S3":
        return {name}
    reader = (ROOT / "config" / "environment.py").read_text()
    return {name + ending for ending in re.findall(r'f"\{prefix\}(_[A-Z_]+)"', reader)}


def test_every_variable_that_is_read_is_explained() -> None:
    read = _read_by_the_settings()
    assert {"SECRET_KEY", "EVIDENCE_S3_BUCKET", "WEB_CONCURRENCY"} <= read
    assert read - EXAMPLE == _NOT_IN_THE_EXAMPLE
    assert read <= DOCUMENTED
    assert EXAMPLE <= DOCUMENTED
