"""How long a read takes does not tell an alert under duress, which goes on, from one that ended.

Responses about an alert with an end are evened out to steps, as one reader at a time gets them. The steps are shorter
here, to be done sooner. The two kinds alternate, and the verdict is the permutation test of
tests/security/test_duress_timing.py. Without steps only the timeline differed: 9.2 ms and 9.7 ms, with more entries.
"""

import time
from statistics import median
from typing import Any

import pytest

from alerts.escalation import steps
from alerts.escalation.answers import acknowledge
from alerts.exports import views as exports
from alerts.models import EscalationStep, Via
from identity.api.rates import Limit
from identity.pins import even_timing
from messaging.database import clock
from messaging.states import State
from tests.alerts.engine import drive, messages
from tests.alerts.sos.twins import URL, Twin, make_twins
from tests.security.test_duress_timing import ALPHA, ENDS, chance

# Read about the alert that seems ended, and of everything around it.
OF_ALERT = ("", "timeline/", "locations/", "evidence/", "export/")
OF_OWNER = (
    URL,
    f"{URL}?status=active",
    f"{URL}false-alarms/",
    "/api/v1/me/",
    "/api/v1/me/contacts/",
    "/api/v1/me/devices/",
    "/api/v1/me/sessions/",
    "/api/v1/timers/",
    "/api/v1/geozones/",
)
READ = (*(f"{URL}{{alert}}/{part}" for part in OF_ALERT), *OF_OWNER)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.1)
    monkeypatch.setattr(exports, "EXPORTS", Limit(scope="exports", times=10_000, window=exports.EXPORTS.window))


@pytest.fixture
def twins() -> tuple[Twin, Twin]:
    """Two people with five contacts whose alerts seem ended. The one under duress goes on, with calls and answers."""
    twins = make_twins("Aida", "Bek", "Cholpon", "Dina", "Emil")
    for twin in twins:
        twin.press(latitude=42.87, longitude=74.57)
        for message in twin.messages()[:3]:
            drive(message, State.SENT)
        twin.end()
    duress = twins[1]
    EscalationStep.objects.filter(alert_id=duress.uuid).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    first = duress.user.contacts.get(order=0)
    acknowledge(alert_id=duress.uuid, contact_id=first.id, via=Via.PAGE, now=clock.now())
    for message in messages(duress.alert, "duress"):  # type: ignore[arg-type]
        drive(message, State.DELIVERED)
    return twins


@pytest.mark.parametrize("pairs", [8, pytest.param(ENDS, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("path", READ)
def test_both_kinds_are_read_in_the_same_time(twins: tuple[Twin, Twin], path: str, pairs: int) -> None:
    for twin in twins:
        _read(twin, path)  # The first read seals the timeline.
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for place in (0, 1) if number % 2 else (1, 0):
            taken[place].append(_read(twins[place], path))
    medians = [round(1000 * median(some), 2) for some in taken]
    p = chance(*taken)
    print(f"{path}: median of {pairs} reads after an end {medians[0]} ms, under duress {medians[1]} ms, p = {p:.4f}")
    assert p > ALPHA, f"the times differ: medians {medians} ms, p = {p}"


def _read(twin: Twin, path: str) -> float:
    began = time.perf_counter()
    answer: Any = twin.phone.get(path.format(alert=twin.alert))
    if answer.streaming:
        answer.getvalue()
        for close in answer._resource_closers:
            close()
    took = time.perf_counter() - began
    assert answer.status_code == 200, answer.content
    return took
