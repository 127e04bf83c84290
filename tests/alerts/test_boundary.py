"""The boundary between alerts and messaging: no table named in SQL, no row of its log, no code of a provider."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Read by messaging alone: messaging/history.py answers for them.
LOG = {"Attempt", "AttemptOutcome", "KeyPress", "MessageEvent"}
PROVIDERS_CODE = re.compile(r"\d{5}")


def sources(*apps: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(path for app in apps for path in (ROOT / app).rglob("*.py")):
        if "migrations" not in path.parts:
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def strings(tree: ast.Module) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_no_sql_of_alerts_names_a_table_of_messaging() -> None:
    named = [(str(path), text) for path, tree in sources("alerts") for text in strings(tree) if "messaging_" in text]
    assert named == []


def test_only_messaging_reads_the_log_of_its_messages() -> None:
    imported = [
        (str(path), each.name)
        for path, tree in sources("alerts", "geo", "identity")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "messaging.models"
        for each in node.names
        if each.name in LOG
    ]
    assert imported == []


def test_no_code_of_a_provider_stands_in_alerts() -> None:
    found = [
        (str(path), text)
        for path, tree in sources("alerts")
        for text in strings(tree)
        if PROVIDERS_CODE.fullmatch(text)
    ]
    assert found == []
