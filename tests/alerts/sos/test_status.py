"""The status of an alert has one writer, and its table leads nowhere else."""

import ast
import re
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

import alerts
from alerts.models import ENDED, AlertEvent, AlertMove, AlertStatus, EventKind, SosAlert
from alerts.sos import status
from identity.models import User
from messaging.database import clock

ALERTS = Path(alerts.__file__).parent
WRITER = ALERTS / "sos" / "status.py"
# A module that names no alert has statuses of other rows.
_NAMES = re.compile(r"SosAlert|AlertStatus|sos_alerts|alerts_sosalert")
OTHERS = [
    path
    for path in ALERTS.rglob("*.py")
    if path != WRITER and "migrations" not in path.parts and _NAMES.search(path.read_text())
]
_SQL = re.compile(r"UPDATE\s+alerts_sosalert\b", re.IGNORECASE)
# Rows that are not alerts and have a status of their own: timers.
_OTHER_STATUSES = {"TimerStatus"}


def writes(source: str) -> list[int]:
    """The lines that write a status: `x.status = ...`, `.update(status=...)`, `bulk_update(..., ["status"])`, SQL."""
    return [getattr(node, "lineno", 0) for node in ast.walk(ast.parse(source)) if _writes(node)]


def _writes(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        flat = [part for target in targets for part in ast.walk(target)]
        return any(isinstance(part, ast.Attribute) and part.attr == "status" for part in flat)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        named = [word.value for word in node.keywords if word.arg == "status"]
        if node.func.attr in ("update", "update_or_create") and named:
            return not any(name in ast.unparse(value) for value in named for name in _OTHER_STATUSES)
        if node.func.attr in ("bulk_update", "save"):
            return any(isinstance(part, ast.Constant) and part.value == "status" for part in ast.walk(node))
        if isinstance(node.func.value, ast.Name) and node.func.attr == "setattr":
            return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_SQL.search(node.value))


@pytest.mark.parametrize(
    "source",
    [
        "alert.status = AlertStatus.ACTIVE",
        "alert.status, alert.updated_at = to, now",
        "SosAlert.objects.filter(id=1).update(status=to)",
        'SosAlert.objects.bulk_update(found, ["kind", "status"])',
        'alert.save(update_fields=["status"])',
        'rows("UPDATE alerts_sosalert SET updated_at = now()")',
    ],
)
def test_the_check_finds_a_writer(source: str) -> None:
    assert writes(source) == [1]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ALERTS)))
def test_no_other_module_writes_the_status(path: Path) -> None:
    assert writes(path.read_text()) == []


@pytest.fixture
def alert(ana: User) -> SosAlert:
    now = clock.now()
    return SosAlert.objects.create(owner=ana, created_at=now, updated_at=now)


@pytest.mark.django_db
@pytest.mark.parametrize("how", AlertMove)
@pytest.mark.parametrize("begin", AlertStatus)
def test_a_move_begins_only_where_the_table_says(alert: SosAlert, how: AlertMove, begin: AlertStatus) -> None:
    now, row = clock.now(), status.MOVES[how]
    SosAlert.objects.update(status=begin, ended_at=now if begin in ENDED else None)
    moved = status.move([alert], how, now=now)
    stands = SosAlert.objects.get()
    assert bool(moved) == (begin in row.reached_from)
    assert stands.status == (row.to if moved else begin)
    assert (stands.ended_at is not None) == (stands.status in ENDED)
    kinds = [EventKind(kind) for kind in AlertEvent.objects.values_list("kind", flat=True)]
    assert kinds == ([row.entry] if moved and row.entry else [])


@pytest.mark.django_db
def test_what_has_moved_is_said_of_the_alerts_themselves(alert: SosAlert) -> None:
    now = clock.now()
    assert status.move([alert], AlertMove.CANCEL, now=now) == [alert]
    assert (alert.status, alert.ended_at, alert.updated_at) == (AlertStatus.CANCELLED, now, now)
    assert status.move([alert], AlertMove.RESOLVE, now=now) == []


@pytest.mark.django_db
def test_an_exhausted_alert_stays_so_once_its_owner_has_another(alert: SosAlert, ana: User) -> None:
    now = clock.now()
    status.move([alert], AlertMove.EXHAUST, now=now)
    SosAlert.objects.create(owner=ana, created_at=now, updated_at=now)
    with transaction.atomic():
        assert status.move([alert], AlertMove.ACKNOWLEDGE, now=now) == []
    assert SosAlert.objects.get(id=alert.id).status == AlertStatus.EXHAUSTED


@pytest.mark.django_db
def test_an_ended_alert_says_when(alert: SosAlert) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SosAlert.objects.update(status=AlertStatus.CANCELLED)
