"""Attacks that told the duress PIN from the safe one, and contacts who are the danger."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.contacts import links, untold
from alerts.escalation import answers, steps
from alerts.models import AlertStatus, EscalationStep, NotificationKind, SosAlert, StepState, Via
from alerts.sos import closing
from identity.models import EmergencyContact
from identity.pins import even_timing
from messaging import history
from messaging.database import clock
from messaging.models import MessageClass, OperatorAlarm
from messaging.states import State
from tests.alerts.engine import all_clears, drive, messages, step, text_of
from tests.alerts.sos.twins import URL, Twin, alike, make_twins
from tests.alerts.typed import DURESS_PIN, SAFE_PIN

Twins = tuple[Twin, Twin]
PLACE = {"latitude": 42.9, "longitude": 74.6}
END = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)


@pytest.fixture
def twins() -> Twins:
    return make_twins("Aida", "Bek", "Cholpon")


@pytest.fixture
def duress() -> Twin:
    """A person who has pressed, with an SOS that reached everybody."""
    twin = make_twins("Aida", "Bek", "Cholpon")[1]
    twin.press(**PLACE)
    for message in twin.messages():
        drive(message, State.DELIVERED)
    return twin


def contact(twin: Twin, order: int) -> EmergencyContact:
    return twin.user.contacts.get(order=order)


# Statements


def test_both_ends_are_read_by_the_same_statements(twins: Twins) -> None:
    """Found: the timeline took 137 ms after a real end and 200 ms under duress. Now: the same statements, each in both.

    Not a clock: equal statements are equal on every machine.
    """
    for twin in twins:
        twin.press(**PLACE)
        drive(twin.messages()[0], State.DELIVERED)
        twin.end()
    drive(twins[1].messages()[2], State.DELIVERED)
    EscalationStep.objects.filter(alert_id=twins[1].uuid).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    late = PLACE | {"id": str(uuid4()), "recorded_at": clock.now().isoformat()}
    asked = ["", "timeline/", "locations/", "evidence/", "export/"]
    asks: list[Callable[[Twin], Any]] = [
        *(partial(_get, path=path) for path in asked),
        partial(_post_fix, fix=late),
        lambda twin: twin.phone.get(URL),
        lambda twin: twin.phone.get(f"{URL}false-alarms/"),
        lambda twin: twin.press(drill=True),
        lambda twin: twin.press(),
    ]
    for ask in asks:
        alike(twins, ask)  # The first read seals what has happened.
        safe, duress = (_statements(twin, ask) for twin in twins)
        assert duress == safe


def _get(twin: Twin, path: str) -> Any:
    return twin.phone.get(f"{URL}{twin.alert}/{path}")


def _post_fix(twin: Twin, fix: dict[str, Any]) -> Any:
    return twin.phone.post(f"{URL}{twin.alert}/locations/", fix, format="json")


def _statements(twin: Twin, ask: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        answer = ask(twin)
        if answer.streaming:
            answer.getvalue()
    # A savepoint is released under duress and rolled back after a real end.
    shapes = [_shape(query["sql"]) for query in captured]
    return [shape for shape in shapes if not shape.startswith(("RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"))]


def _shape(sql: str) -> str:
    """The statement without its values."""
    without = re.sub(r"'(?:[^']|'')*'(::\w+)?", "?", re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "?", sql))
    without = re.sub(r'"s\d+_x\d+"', "?", without)
    without = re.sub(r"\b\d+(\.\d+)?\b", "?", without)
    return re.sub(r"\?(\s*,\s*\?)+", "?", re.sub(r"\(\?(, \?)*\)(, \(\?(, \?)*\))*", "(?)", without))


# Messages in flight


def test_a_message_sent_again_on_a_doubt_is_still_being_looked_for(twins: Twins) -> None:
    """Found: `queued`, `no_evidence` at once under duress; after a real end it stays unknown for five minutes."""
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.UNKNOWN)
        twin.end()
    again = twins[1].messages()[0]
    assert step(again, State.QUEUED, code=history.NO_EVIDENCE)
    for state in (State.DISPATCHED, State.SENDING, State.ACCEPTED, State.DELIVERED):
        assert step(again, state)
    shown = alike(twins, lambda twin: twin.get())
    alike(twins, lambda twin: twin.get("timeline/"))
    assert shown.data["contacts"][0]["status"] == "sending"


# Drills


def test_the_duress_pin_ends_a_drill_and_alarms_the_operator(twins: Twins) -> None:
    """Found: an unmarked "is under threat" to everyone, and a drill that never ended."""
    for twin in twins:
        twin.press(drill=True)
        for message in twin.messages():
            drive(message, State.DELIVERED)
    alike(twins, lambda twin: twin.end())
    alike(twins, lambda twin: twin.get())
    alike(twins, lambda twin: twin.get("timeline/"))
    drill = SosAlert.objects.get(id=twins[1].alert)
    assert (drill.status, drill.duress_at) == (AlertStatus.CANCELLED, None)
    assert messages(twins[1].alert, NotificationKind.DURESS) == []
    assert ["TEST" in text_of(message) for message in all_clears(twins[1].alert)] == [True] * 3
    assert OperatorAlarm.objects.get().code == "duress_in_drill"


# Contacts who are not told


def mark(twin: Twin, order: int) -> Any:
    answer = twin.phone.patch(
        f"/api/v1/me/contacts/{contact(twin, order).id}/",
        {"tell_of_duress": False, "pin": SAFE_PIN},
        format="json",
    )
    assert answer.status_code == 200
    return answer


def test_nobody_reads_who_is_not_told(duress: Twin) -> None:
    before = duress.phone.get("/api/v1/me/contacts/").content
    assert "tell_of_duress" not in mark(duress, 0).content.decode()
    assert duress.phone.get("/api/v1/me/contacts/").content == before
    new = {"name": "Dina", "phone_number": "+996700123456", "tell_of_duress": False}
    added = duress.phone.post("/api/v1/me/contacts/", new, format="json")
    assert (added.status_code, "tell_of_duress" in added.json()) == (201, False)
    assert EmergencyContact.objects.filter(user=duress.user, tell_of_duress=False).count() == 2


def test_for_a_contact_who_is_not_told_the_alert_ends(duress: Twin) -> None:
    """Found: the warning went to every contact, and one of them may be the danger."""
    mark(duress, 0)
    key = (duress.uuid, contact(duress, 0).id)
    token = links.issue([key], now=clock.now())[key]
    duress.end()
    aida = str(contact(duress, 0).phone_number)
    assert aida not in [warning.address for warning in messages(duress.alert, NotificationKind.DURESS)]
    assert len(messages(duress.alert, NotificationKind.DURESS)) == 2
    [over] = all_clears(duress.alert)
    assert (over.address, over.message_class) == (aida, MessageClass.SAFETY)
    assert "False alarm" in text_of(over)

    answers.acknowledge(alert_id=duress.uuid, contact_id=contact(duress, 1).id, via=Via.PAGE, now=clock.now())
    page = Client().get(f"/a/{token}").content.decode()
    assert "False alarm" in page
    assert "threat" not in page
    assert "Bek" not in page
    with pytest.raises(answers.AlertOver):
        answers.acknowledge(alert_id=duress.uuid, contact_id=contact(duress, 0).id, via=Via.PAGE, now=clock.now())
    EscalationStep.objects.filter(alert_id=duress.uuid).update(due_at=clock.now())
    steps.take_steps(now=clock.now())
    assert aida not in [call.address for call in messages(duress.alert, NotificationKind.CALL)]
    assert aida not in [told.address for told in messages(duress.alert, NotificationKind.RESPONDER)]

    with transaction.atomic():
        closing.close(alert_id=duress.uuid, owner=duress.user, to=AlertStatus.CANCELLED, now=clock.now())
    assert sorted(each.address for each in all_clears(duress.alert)) == sorted(
        str(each.phone_number) for each in duress.user.contacts.all()
    )


def test_a_contact_with_the_same_phone_is_not_told_either(duress: Twin) -> None:
    mark(duress, 0)
    alert = SosAlert.objects.get(id=duress.alert)
    EmergencyContact.objects.filter(id=contact(duress, 0).id).update(phone_number="+996700999999")
    aida = contact(duress, 0).id
    EmergencyContact.objects.filter(id=aida).delete()
    EmergencyContact.objects.create(
        user=duress.user,
        name="A. again",
        phone_number=duress.messages()[0].address,
        order=9,
        tell_of_duress=False,
    )
    assert untold.of_person(alert) == [aida]


def test_the_marks_change_nothing_that_the_owners_devices_see(twins: Twins) -> None:
    for twin in twins:
        mark(twin, 0)
        twin.press(**PLACE)
        drive(twin.messages()[0], State.SENT)
    for ask in (lambda twin: twin.end(), lambda twin: twin.get(), lambda twin: twin.get("timeline/")):
        alike(twins, ask)


# Answers


def test_no_single_answer_stops_the_calls_under_duress(duress: Twin) -> None:
    """Found: one press of "I am on my way", by anybody, stopped every call."""
    duress.end()
    _come(duress, 0)
    pending = EscalationStep.objects.filter(alert=duress.uuid, state=StepState.PENDING, kind="call")
    assert set(pending.values_list("contact_id", flat=True)) == {contact(duress, 1).id, contact(duress, 2).id}
    assert SosAlert.objects.get(id=duress.alert).status == AlertStatus.ACKNOWLEDGED
    assert len(messages(duress.alert, NotificationKind.RESPONDER)) == 2
    _come(duress, 1)
    assert not pending.exists()
    answers.decline(alert_id=duress.uuid, contact_id=contact(duress, 1).id, via=Via.PAGE, now=clock.now())
    assert set(pending.values_list("contact_id", flat=True)) == {contact(duress, 2).id}


def test_an_answer_from_before_the_pin_is_not_enough_either(duress: Twin) -> None:
    _come(duress, 0)
    pending = EscalationStep.objects.filter(alert=duress.uuid, state=StepState.PENDING, kind="call")
    assert not pending.exists()
    duress.end(pin=DURESS_PIN)
    assert set(pending.values_list("contact_id", flat=True)) == {contact(duress, 1).id, contact(duress, 2).id}


def _come(twin: Twin, order: int) -> None:
    answers.acknowledge(alert_id=twin.uuid, contact_id=contact(twin, order).id, via=Via.PAGE, now=clock.now())
