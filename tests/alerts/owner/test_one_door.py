"""Owner endpoints read alerts through alerts/owner/ alone: a view that reads a table by itself fails here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ALERTS = Path(__file__).resolve().parents[3] / "alerts"
# Rooms whose views answer the owner's devices. The contacts' page is for others.
ROOMS = ("sos", "owner", "positions", "evidence", "exports", "timers")
# Rows that hold what happened after the duress PIN.
TABLES = {
    "SosAlert",
    "Notification",
    "AlertPosition",
    "AlertEvent",
    "Evidence",
    "Answer",
    "EscalationStep",
    "FeignedEnd",
}
MANAGERS = {"notifications", "positions", "events", "evidence", "answers", "steps", "links", "feigned_end"}


def views() -> list[Path]:
    found = [path for room in ROOMS for path in (ALERTS / room).rglob("*.py")]
    return [path for path in found if "APIView" in path.read_text() or "GenericAPIView" in path.read_text()]


def reads(source: str) -> Iterator[int]:
    """The lines that read a table themselves: `Table.objects`, `get_object_or_404(Table, ...)`, `alert.positions`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            is_table = isinstance(node.value, ast.Name) and node.value.id in TABLES
            is_alerts = isinstance(node.value, ast.Name) and node.value.id == "alert" and node.attr in MANAGERS
            if (is_table and node.attr == "objects") or is_alerts:
                yield node.lineno
        if isinstance(node, ast.Call) and any(isinstance(arg, ast.Name) and arg.id in TABLES for arg in node.args):
            yield node.lineno


@pytest.mark.parametrize("path", views(), ids=lambda path: str(path.relative_to(ALERTS)))
def test_a_view_reads_through_the_owners_room(path: Path) -> None:
    assert list(reads(path.read_text())) == []


def test_the_views_are_found() -> None:
    assert {"sos/views.py", "owner/views.py", "exports/views.py", "sos/drill_views.py"} <= {
        str(path.relative_to(ALERTS)) for path in views()
    }


@pytest.mark.parametrize(
    "source",
    ["SosAlert.objects.get(id=1)", "get_object_or_404(SosAlert, id=1)", "alert.positions.all()", "alert.feigned_end"],
)
def test_a_view_that_reads_by_itself_is_found(source: str) -> None:
    assert list(reads(source)) == [1]
