"""Sealing by the scheduler: soon, by any number of callers, exactly once, and in nobody's way."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import AlertEvent, EventKind, Notification, TimelineSeal
from alerts.timeline import chain, journal, sealing
from config.periodic import PERIODIC
from messaging.database import clock
from messaging.states import State
from tests.alerts.conftest import Contacts
from tests.alerts.engine import drive, messages, step
from tests.race import at_once

URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


def seal_due(**later: int) -> int:
    return PERIODIC["seal_timelines"].run(now=clock.now() + timedelta(**later))


def test_the_scheduler_seals_what_happened(phone: APIClient, pressed: str) -> None:
    assert seal_due() == 3  # One entry for the press and one for each queued SMS.
    assert seal_due() == 0
    phone.post(f"{URL}{pressed}/resolve/")
    assert seal_due() == 3  # One entry for the end and one for each cancelled SMS.
    assert not AlertEvent.objects.filter(seq=None).exists()
    entries = sealing.entries_of(UUID(pressed))
    assert chain.first_break(entries) is None
    assert TimelineSeal.objects.get().head == chain.head(entries)


def test_moves_are_looked_for_as_long_as_they_come(pressed: str) -> None:
    seal_due()
    told, late = messages(pressed)
    drive(told, State.DELIVERED)
    assert seal_due(seconds=3) == 0
    assert seal_due(seconds=6) == 2
    drive(late, State.UNCONFIRMED)
    assert seal_due(seconds=60) == 1
    step(late, State.DELIVERED)
    assert seal_due(hours=13) == 1
    seal_due(days=3)
    assert TimelineSeal.objects.get().due_at is None
    before = AlertEvent.objects.count()
    journal.record(UUID(pressed), EventKind.EVIDENCE_HELD, by=journal.OPERATOR, now=clock.now())
    assert seal_due(days=3) == 1
    assert AlertEvent.objects.count() == before + 1


def test_the_engines_internal_moves_are_left_out(pressed: str) -> None:
    told, _ = messages(pressed)
    for state in (State.DISPATCHED, State.QUEUED, State.DISPATCHED, State.SENDING, State.QUEUED):
        step(told, state, code="20503" if state == State.QUEUED else "")
    assert seal_due() == 4
    moves = AlertEvent.objects.filter(kind="message").order_by("seq").values_list("data", flat=True)
    assert [(move["state"], move["code"]) for move in moves] == [("queued", ""), ("queued", ""), ("queued", "20503")]


def test_a_move_of_a_message_of_two_contacts_stands_once(pressed: str) -> None:
    again, _ = Notification.objects.order_by("message_id")
    first, again.id, again.contact_id = str(again.contact_id), uuid4(), uuid4()
    Notification.objects.bulk_create([again])
    assert seal_due() == 3
    moves = AlertEvent.objects.filter(kind="message").order_by("seq").values_list("data", flat=True)
    assert {first, str(again.contact_id)} in [set(move["contacts"]) for move in moves]


@pytest.mark.django_db(transaction=True)
def test_many_sealers_at_once_make_one_chain(phone: APIClient, pressed: str) -> None:
    alert_id = UUID(pressed)
    for message in messages(pressed):
        drive(message, State.DELIVERED)

    def record() -> None:
        for _ in range(5):
            with transaction.atomic():
                journal.record(alert_id, EventKind.PRESSED_AGAIN, by=journal.OWNER, now=clock.now())
            sealing.seal([alert_id], now=clock.now())

    answers = at_once(*[record] * 5, *[lambda: sealing.seal_due(now=clock.now())] * 3)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    entries = sealing.whole(alert_id, now=clock.now())
    assert len(entries) == 1 + 2 * 3 + 25
    assert sealing.broken_at(alert_id, entries) is None


def _press_and_resolve(phone: APIClient) -> UUID:
    alert = phone.post(URL, {}, format="json").data["id"]
    phone.post(f"{URL}{alert}/resolve/")
    return UUID(alert)


@pytest.mark.django_db(transaction=True)
def test_a_step_that_commits_late_stands_at_the_end(pressed: str) -> None:
    alert_id = UUID(pressed)
    with transaction.atomic():
        journal.record(alert_id, EventKind.PRESSED_AGAIN, by=journal.OWNER, now=clock.now())
        (sealed,) = at_once(lambda: sealing.whole(alert_id, now=clock.now()))
    after = sealing.whole(alert_id, now=clock.now())
    assert after[: len(sealed)] == sealed
    assert after[-1].kind == "pressed_again"


@pytest.mark.django_db(transaction=True)
def test_an_alert_that_is_being_sealed_is_skipped(pressed: str) -> None:
    sealing.seal([UUID(pressed)], now=clock.now())
    with transaction.atomic():
        journal.record(UUID(pressed), EventKind.PRESSED_AGAIN, by=journal.OWNER, now=clock.now())
        list(TimelineSeal.objects.select_for_update())
        assert at_once(lambda: sealing.seal_due(now=clock.now() + timedelta(minutes=1))) == [0]


def test_a_crowd_is_sealed_in_one_call(phone: APIClient, contacts: Contacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    contacts("Aida")
    for _ in range(8):
        _press_and_resolve(phone)
    assert seal_due() == 4 * 8


def test_a_batch_costs_the_statements_of_one(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    counts = []
    for alerts in (1, 8):
        for _ in range(alerts):
            alert = phone.post(URL, {}, format="json").data["id"]
            phone.post(f"{URL}{alert}/resolve/")
        with CaptureQueriesContext(connection) as captured:
            assert seal_due() == 4 * alerts
        counts.append(len(captured))
    assert counts[0] == counts[1]
