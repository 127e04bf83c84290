"""Messages that go on after the duress PIN look as after a real end, whatever the engine and the provider do."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.owner import feigned
from identity.pins import even_timing
from messaging.database import clock
from messaging.delivery import sweeping
from messaging.models import Attempt, AttemptOutcome, Deliverer
from messaging.moves import Change, move
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports
from messaging.states import State
from tests.alerts.engine import drive, step
from tests.alerts.sos.twins import URL, Twin, alike, make_twins

pytestmark = pytest.mark.django_db

Twins = tuple[Twin, Twin]


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    monkeypatch.setattr(feigned, "_moment", lambda *_: timedelta(microseconds=1))


@pytest.fixture
def twins() -> Twins:
    return make_twins("Aida", "Bek")


def look_alike(twins: Twins) -> None:
    alike(twins, lambda twin: twin.get())
    alike(twins, lambda twin: twin.get("timeline/"))


def test_a_message_that_is_queued_again_looks_like_one_that_expired(twins: Twins) -> None:
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.SENDING)
        twin.end()
        Attempt.objects.filter(message=twin.messages()[0]).update(outcome=AttemptOutcome.NOT_CREATED)
        assert step(twin.messages()[0], State.QUEUED, code="20503")
    sweeping.sweep()
    assert twins[0].messages()[0].state == State.EXPIRED
    look_alike(twins)


def test_a_report_on_a_doubtful_message_leaves_the_time_of_its_end(twins: Twins) -> None:
    for twin in twins:
        twin.press()
        message = twin.messages()[0]
        drive(message, State.UNKNOWN)
        assert step(message, State.QUEUED, code="no_evidence")
    alike(twins, lambda twin: twin.end())
    for twin in twins:
        message = twin.messages()[0]
        report = Change(id=message.id, to=State.DELIVERED, attempt_id=Attempt.objects.get(message=message).id)
        assert move([report], by=Deliverer.CALLBACK, now=clock.now())
    look_alike(twins)


def test_a_drill_report_shows_nothing_that_arrived_after_the_end(twins: Twins) -> None:
    for twin in twins:
        twin.press(drill=True)
        drive(twin.messages()[0], State.SENT)
        twin.end()
        step(twin.messages()[0], State.DELIVERED)
    arrivals = [twin.get("drill-report/").json()["contacts"] for twin in twins]
    seconds = [[(c["accepted_after_s"] is None, c["delivered_after_s"] is None) for c in found] for found in arrivals]
    assert seconds == [[(False, False), (True, True)]] * 2
    assert [[c["status"] for c in found] for found in arrivals] == [["delivered", "cancelled"]] * 2


@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.SENT])
def test_a_reported_failure_is_the_end(twins: Twins, state: State) -> None:
    """After a real end the engine makes no other attempt; under duress it does."""
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], state)
        twin.end()
        attempt = Attempt.objects.get(message=twin.messages()[0])
        report = MESSAGE.reported("undelivered", "30003", f"SM{attempt.id.hex}")
        assert delivery_reports.apply_report(attempt.id, report, by=Deliverer.CALLBACK)
    assert [twin.messages()[0].state for twin in twins] == [State.UNDELIVERED, State.QUEUED]
    look_alike(twins)


def test_a_list_costs_as_many_queries_however_many_alerts_are_under_duress(twins: Twins) -> None:
    safe, duress = twins
    counts = []
    for _ in range(3):
        for twin in twins:
            twin.press()
            twin.end()
        with CaptureQueriesContext(connection) as captured:
            duress.phone.get(URL)
        counts.append(len(captured))
    with CaptureQueriesContext(connection) as captured:
        safe.phone.get(URL)
    assert counts == [len(captured)] * 3
