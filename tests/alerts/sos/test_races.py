"""Races on real connections: the database decides, nothing deadlocks, nothing is sent twice or lost."""

from functools import partial
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from alerts.models import AlertEvent, AlertStatus, Notification, NotificationKind, SosAlert
from alerts.sos.raising import Cause, raise_alerts
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Deliverer, Message
from messaging.moves import Change, move
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages, text_of
from tests.race import at_once, held_up

URL = "/api/v1/sos-alerts/"
ROUNDS = 4

pytestmark = pytest.mark.django_db(transaction=True)


def press(user: User) -> Any:
    return app(user).post(URL, {}, format="json")


def end(user: User, alert: str, how: str) -> Any:
    return app(user).post(f"{URL}{alert}/{how}/")


def test_two_presses_at_once_are_one_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    for _ in range(ROUNDS):
        answers = at_once(partial(press, ana), partial(press, ana))
        assert sorted(answer.status_code for answer in answers) == [200, 201]
        assert answers[0].data["id"] == answers[1].data["id"]
        alert = answers[0].data["id"]
        assert len(messages(alert)) == 2
        assert end(ana, alert, "resolve").status_code == 200


def test_a_press_waits_for_the_one_before_and_finds_its_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    with held_up(partial(press, ana)) as second:
        [raised] = raise_alerts([Cause(owner=ana)], now=clock.now())
    answer = second.result()
    assert (answer.status_code, answer.data["id"]) == (200, str(raised.alert.id))
    assert answer.data["reach"]["contacts"] == 1


def test_a_press_raises_the_alert_when_the_one_before_rolls_back(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    with held_up(partial(press, ana), rolls_back=True) as second:
        raise_alerts([Cause(owner=ana)], now=clock.now())
    assert second.result().status_code == 201
    assert Message.objects.count() == 1


def test_one_key_twice_at_once_is_one_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    keyed = {"Idempotency-Key": "press"}
    answers = at_once(*[lambda: app(ana).post(URL, {}, format="json", headers=keyed)] * 2)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Message.objects.count() == 1


def test_cancel_against_resolve(ana: User, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    for _ in range(ROUNDS):
        alert = press(ana).data["id"]
        drive(messages(alert)[0], State.SENT)
        answers = at_once(partial(end, ana, alert, "cancel"), partial(end, ana, alert, "resolve"))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert len(all_clears(alert)) == 1
        assert AlertEvent.objects.filter(alert_id=alert).count() == 2


def test_the_same_end_twice_at_once(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    for _ in range(ROUNDS):
        alert = press(ana).data["id"]
        drive(messages(alert)[0], State.SENT)
        answers = at_once(*[partial(end, ana, alert, "resolve")] * 2)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert len(all_clears(alert)) == 1


def test_a_press_against_an_end_is_never_lost(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    for _ in range(ROUNDS):
        alert = press(ana).data["id"]
        pressed, ended = at_once(partial(press, ana), partial(end, ana, alert, "resolve"))
        assert ended.status_code == 200
        # A press before the end finds the alert that then ends. A press after the end raises a new one and tells
        # everyone.
        if pressed.status_code == 200:
            assert pressed.data["id"] == alert
            assert not SosAlert.objects.filter(status=AlertStatus.ACTIVE).exists()
        else:
            assert (pressed.status_code, len(messages(pressed.data["id"]))) == (201, 1)
            end(ana, pressed.data["id"], "resolve")


def test_cancel_against_a_worker_that_claims(ana: User, contacts: Contacts) -> None:
    """Each message is cancelled and its contact hears nothing, or it is sent and its contact hears both.

    The batch of the worker names the rows in the opposite order: it must wait for the cancel and not deadlock with it.
    """
    contacts(*(f"C{n}" for n in range(20)))
    for _ in range(ROUNDS):
        alert = press(ana).data["id"]
        told = messages(alert)
        ids = [message.id for message in reversed(told)]
        move([Change(id=i, to=State.DISPATCHED) for i in ids], by=Deliverer.SCHEDULER, now=clock.now())
        claims = at_once(partial(end, ana, alert, "cancel"), partial(_claim, ids[:15]), partial(_claim, ids[5:]))
        assert not [error for error in claims if isinstance(error, Exception)]
        sending = {m.address for m in messages(alert) if m.state == State.SENDING}
        cancelled = {m.address for m in messages(alert) if m.state == State.CANCELLED}
        assert len(sending) + len(cancelled) == 20
        assert {m.address for m in all_clears(alert)} == sending


def test_a_cancel_waits_for_the_claim_before_it(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    alert = press(ana).data["id"]
    (sos,) = messages(alert)
    # 1.2 s is longer than the engine waits for a lock. On a busy machine the app must not have to ask again.
    with held_up(partial(end, ana, alert, "cancel"), for_s=1.2) as cancelled:
        drive(sos, State.SENDING)
    assert cancelled.result().status_code == 200
    (all_clear,) = all_clears(alert)
    assert text_of(all_clear) == "False alarm: Ana Asanova (+996555123456) cancelled the alert."


def test_a_contact_being_deleted_never_holds_an_sos(ana: User, contacts: Contacts) -> None:
    aida, _ = contacts("Aida", "Bek")
    with transaction.atomic():
        EmergencyContact.objects.filter(user=ana).select_for_update().get(id=aida.id).delete()
        (answer,) = at_once(partial(press, ana))
        assert answer.status_code == 201
    assert Notification.objects.filter(kind=NotificationKind.SOS).count() == 2


def test_a_client_gets_the_alert_of_its_person_only(phone: APIClient, stranger: User, contacts: Contacts) -> None:
    contacts("Aida")
    mine, theirs = at_once(lambda: phone.post(URL, {}, format="json"), partial(press, stranger))
    assert mine.status_code == theirs.status_code == 201
    assert mine.data["id"] != theirs.data["id"]


def _claim(ids: list[int]) -> list[int]:
    with transaction.atomic():
        changes = [Change(id=i, to=State.SENDING) for i in ids]
        return list(move(changes, by=Deliverer.WORKER, now=clock.now()))
