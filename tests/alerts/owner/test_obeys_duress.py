"""The list of everything that obeys duress is whole: a module that reads duress and stands in no entry fails here."""

import ast
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from alerts.owner.obeys_duress import ACCEPTS, KNOWS, OBEYS_DURESS, SHOWS, TELLS

ROOT = Path(__file__).resolve().parents[3]
APPS = ("alerts", "geo", "identity")
# Names in code, and in the strings of queries, by which a module reads duress.
READS = ("duress_at", "feigned_end", "FeignedEnd", "OPEN_TO_OWNER", "DURESS")
# Modules that speak to the owner's devices as duress demands: importing one is reading duress.
SPEAKERS = ("alerts.owner.view", "alerts.owner.even_timing", "alerts.owner.feigned", "alerts.owner.notifications")
# The list itself, and the package that only hands the tables on.
LEFT_OUT = ("alerts.owner.obeys_duress", "alerts.models")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(path for app in APPS for path in (ROOT / app).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def words(tree: ast.Module) -> Iterator[str]:
    """Names and strings of the code, without docstrings."""
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield node.value
        yield from (getattr(node, name) for name in ("id", "attr", "arg") if isinstance(getattr(node, name, None), str))
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def reads_duress(tree: ast.Module) -> bool:
    return any(read in word for word in words(tree) for read in READS) or any(
        word == speaker or word.startswith(f"{speaker}.") for word in words(tree) for speaker in SPEAKERS
    )


@pytest.mark.parametrize("name", OBEYS_DURESS)
def test_every_entry_is_there(name: str) -> None:
    module, _, path = name.rpartition(".")
    assert callable(resolve_name(f"{module}:{path}"))


def test_every_entry_is_one_plain_sentence_and_stands_once() -> None:
    for sentence in OBEYS_DURESS.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
    assert len(OBEYS_DURESS) == len(SHOWS) + len(ACCEPTS) + len(TELLS) + len(KNOWS)


def test_every_module_that_reads_duress_has_an_entry() -> None:
    listed = {name.rpartition(".")[0] for name in OBEYS_DURESS}
    reading = {name for name, tree in modules() if reads_duress(tree)}
    assert reading - listed - set(LEFT_OUT) == set()
    assert {"alerts.owner.view", "alerts.positions.track", "alerts.sos.ending", "identity.pins.pins"} <= reading


@pytest.mark.parametrize(
    "source",
    [
        "def f(alert): return alert.duress_at",
        "def f(alerts): return alerts.filter(alert__duress_at=None)",
        "def f(alerts): return alerts.select_related('feigned_end')",
        "def f(proof): return proof is Proof.DURESS",
        "from alerts.owner import view",
        "from alerts.owner.view import shown",
    ],
)
def test_a_new_reader_of_duress_is_found(source: str) -> None:
    assert reads_duress(ast.parse(source))


def test_a_docstring_about_duress_is_no_reader() -> None:
    assert not reads_duress(ast.parse('def f():\n    """Under DURESS: duress_at."""\n'))
