"""The duress PIN: the alert goes on, the contacts learn why, and the owner's devices see a cancelled alert."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.http import JsonResponse

from alerts.escalation import answers, steps
from alerts.models import AlertEvent, AlertStatus, EscalationStep, NotificationKind, SosAlert, Via
from alerts.owner import feigned
from identity.pins import even_timing
from messaging.database import clock
from messaging.models import Attempt, AttemptOutcome, Message, MessageClass, OperatorAlarm
from messaging.states import State
from tests.alerts.engine import all_clears, attempt, drive, link_in, messages, step, text_of
from tests.alerts.sos.twins import URL, Twin, alike, make_twins
from tests.alerts.typed import SAFE_PIN, pass_the_hour

pytestmark = pytest.mark.django_db

Twins = tuple[Twin, Twin]


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    monkeypatch.setattr(feigned, "_moment", lambda *_: timedelta(microseconds=1))


@pytest.fixture
def twins() -> Twins:
    return make_twins("Aida", "Bek", "Cholpon")


def under_duress(twins: Twins, how: str = "cancel") -> Twin:
    for twin in twins:
        twin.press(latitude=42.87, longitude=74.57)
        told, tried, _ = twin.messages()
        drive(told, State.DELIVERED)
        drive(tried, State.SENDING)
    alike(twins, lambda twin: twin.end(how))
    return twins[1]


@pytest.mark.parametrize(("how", "status"), [("cancel", "cancelled"), ("resolve", "resolved")])
def test_it_looks_ended_and_goes_on(twins: Twins, how: str, status: str) -> None:
    duress = under_duress(twins, how)
    answer = alike(twins, lambda twin: twin.get())
    assert answer.data["status"] == status
    assert answer.data["contacts"][2]["status"] == "cancelled"
    alert = SosAlert.objects.get(id=duress.alert)
    assert (alert.status, alert.ended_at) == (AlertStatus.ACTIVE, None)
    assert alert.duress_at is not None
    assert [m.state for m in duress.messages()] == [State.DELIVERED, State.SENDING, State.QUEUED]
    assert list(alert.events.order_by("id").values_list("kind", flat=True)) == ["raised", "duress"]


def test_contacts_are_told_of_the_threat_and_get_no_all_clear(twins: Twins) -> None:
    duress = under_duress(twins)
    assert len(all_clears(twins[0].alert)) == 2
    assert all_clears(duress.alert) == []
    warnings = messages(duress.alert, NotificationKind.DURESS)
    assert [warning.address for warning in warnings] == [sos.address for sos in duress.messages()]
    assert {warning.message_class for warning in warnings} == {MessageClass.EMERGENCY}
    # The contact's own link: they know it from the SOS, and no other account can send it.
    link = link_in(duress.messages()[2])
    assert text_of(warnings[2]) == f"Ana Asanova is under threat! Do not call them. Call the police: 112 {link}"
    assert OperatorAlarm.objects.get(code="duress").detail == {"alert_id": duress.alert}


def test_a_new_sos_is_a_new_alert(twins: Twins) -> None:
    duress = under_duress(twins)
    first = duress.alert
    answer = alike(twins, lambda twin: twin.press())
    assert answer.status_code == 201
    assert duress.alert != first
    assert len(duress.messages()) == 3
    again = alike(twins, lambda twin: twin.press(latitude=1, longitude=2))
    assert (again.status_code, again.data["id"]) == (200, duress.alert)


@pytest.mark.parametrize("query", ["", "?status=active", "?status=cancelled", "?status=resolved", "?page_size=1"])
def test_the_list(twins: Twins, query: str) -> None:
    under_duress(twins)
    alike(twins, lambda twin: twin.phone.get(f"{URL}{query}"))
    alike(twins, lambda twin: twin.press())
    alike(twins, lambda twin: twin.phone.get(f"{URL}{query}"))


def test_the_etag_stays_while_the_alert_goes_on(twins: Twins) -> None:
    duress = under_duress(twins)
    etag = duress.get()["ETag"]
    drive(duress.messages()[2], State.DELIVERED)
    for warning in messages(duress.alert, NotificationKind.DURESS):
        drive(warning, State.DELIVERED)
    assert duress.get()["ETag"] == etag
    assert duress.phone.get(f"{URL}{duress.alert}/", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("how", ["cancel", "resolve"])
def test_ending_it_again(twins: Twins, how: str) -> None:
    duress = under_duress(twins)
    before = AlertEvent.objects.filter(alert_id=UUID(duress.alert)).count()
    alike(twins, lambda twin: twin.end(how))
    alike(twins, lambda twin: twin.end(how, pin="0000"))
    alike(twins, lambda twin: twin.end(how, pin=twin.other_pin))
    alike(twins, lambda twin: twin.phone.post(f"{URL}{twin.alert}/{how}/", {}, format="json"))
    assert AlertEvent.objects.filter(alert_id=UUID(duress.alert)).count() == before + 2  # The wrong PINs.
    assert SosAlert.objects.get(id=duress.alert).status == AlertStatus.ACTIVE


def test_the_safe_pin_ends_an_alert_under_duress(twins: Twins) -> None:
    duress = under_duress(twins)
    shown = duress.get().json()
    pass_the_hour()
    alike(twins, lambda twin: twin.end(pin=SAFE_PIN))
    assert SosAlert.objects.get(id=duress.alert).status == AlertStatus.CANCELLED
    assert {m.address for m in all_clears(duress.alert)} == {m.address for m in duress.messages()[:2]}
    assert _look_alike(twins).json() == shown


def test_the_duress_pin_on_an_ended_alert_alarms_the_operator(twins: Twins) -> None:
    duress = twins[1]
    for twin in twins:
        twin.press()
        twin.end(pin=SAFE_PIN)
    # Within the hour the duress PIN seems wrong, and still cries for help.
    assert duress.end().json()["code"] == "pin_wrong"
    assert OperatorAlarm.objects.get(code="duress").times == 1
    pass_the_hour()
    alike(twins, lambda twin: twin.end())
    alike(twins, lambda twin: twin.end("resolve"))
    assert OperatorAlarm.objects.get(code="duress").times == 3
    assert SosAlert.objects.get(id=duress.alert).duress_at is None


def _look_alike(twins: Twins) -> Any:
    """Compare the alerts and their timelines; returns the response about the alert under duress."""
    alike(twins, lambda twin: twin.get("timeline/"))
    return alike(twins, lambda twin: twin.get())


def _go_on(twin: Twin, moves: list[tuple[State, str]]) -> None:
    message = twin.messages()[0]
    for state, code in moves:
        step(message, state, code=code)


# News from the provider about a request that was open when the PIN was typed.
LATER: list[list[tuple[State, str]]] = [
    [(State.ACCEPTED, "")],
    [(State.ACCEPTED, ""), (State.SENT, ""), (State.DELIVERED, "")],
    [(State.FAILED, "21211")],
    [(State.ACCEPTED, ""), (State.UNDELIVERED, "30003")],
    [(State.UNKNOWN, ""), (State.DELIVERED, "")],
]


@pytest.mark.parametrize("later", LATER)
def test_later_moves_of_a_message_in_flight_look_alike(twins: Twins, later: list[tuple[State, str]]) -> None:
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.SENDING)
        twin.end()
        _go_on(twin, later)
    _look_alike(twins)


def test_a_message_that_is_tried_again_is_shown_as_expired(twins: Twins) -> None:
    safe, duress = twins
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.SENDING)
        twin.end()
        Attempt.objects.filter(message=twin.messages()[0]).update(outcome=AttemptOutcome.NOT_CREATED)
        _go_on(twin, [(State.QUEUED, "20503")])
    _go_on(safe, [(State.EXPIRED, "deadline_passed")])  # Its deadline is the end.
    _go_on(duress, [(State.DISPATCHED, ""), (State.SENDING, ""), (State.DELIVERED, "")])
    answer = _look_alike(twins)
    assert answer.data["contacts"][0]["status"] == "expired"
    assert duress.messages()[0].state == State.DELIVERED


@pytest.mark.parametrize("state", [s for s in State if s not in (State.QUEUED, State.CANCELLED)])
def test_every_state_a_message_may_be_in(twins: Twins, state: State) -> None:
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], state, code="30003" if state == State.UNDELIVERED else "")
    alike(twins, lambda twin: twin.end())
    for message in twins[1].messages()[1:]:
        step(message, State.DELIVERED)
    _look_alike(twins)
    shown = alike(twins, lambda twin: twin.end())
    assert [c["status"] for c in shown.data["contacts"][1:]] == ["cancelled", "cancelled"]


def test_an_earlier_call_that_may_have_told(twins: Twins) -> None:
    """A message was queued again after an attempt of unknown outcome. An end makes it `unconfirmed`, and a late
    report may still settle it."""
    for twin in twins:
        twin.press()
        message = twin.messages()[0]
        drive(message, State.UNKNOWN)
        assert step(message, State.QUEUED, code="no_evidence")
    answer = alike(twins, lambda twin: twin.end())
    assert answer.data["contacts"][0]["status"] == "unconfirmed"
    Message.objects.filter(id=twins[1].messages()[0].id).update(state=State.DISPATCHED)
    assert step(twins[1].messages()[0], State.SENDING)
    _look_alike(twins)


def test_a_replayed_press_is_the_press(twins: Twins) -> None:
    def press(twin: Twin) -> Any:
        return twin.phone.post(URL, {"address": "here"}, format="json", headers={"Idempotency-Key": "press"})

    for twin in twins:
        twin.alert = press(twin).data["id"]
        attempt(twin.messages()[0], AttemptOutcome.NOT_CREATED)
    alike(twins, lambda twin: twin.end())
    alike(twins, press)


def test_a_changed_retry_of_the_press_is_answered_alike(twins: Twins) -> None:
    def press(twin: Twin, **changed: Any) -> Any:
        body = {"sent_at": clock.now().isoformat()} | changed
        return twin.phone.post(URL, body, format="json", headers={"Idempotency-Key": "press"})

    for twin in twins:
        twin.alert = press(twin).data["id"]
    alike(twins, lambda twin: twin.end())
    for _ in range(2):
        answer = alike(
            twins, lambda twin: press(twin, latitude=42.87, longitude=74.57, sent_at=clock.now().isoformat())
        )
        assert (answer.status_code, answer.data["latitude"]) == (200, None)
    assert SosAlert.objects.count() == len(twins)


def test_positions_are_kept_though_they_are_refused(twins: Twins) -> None:
    moment = clock.now().isoformat()
    during = {"latitude": 42.88, "longitude": 74.57, "recorded_at": moment}
    duress = under_duress(twins)
    ended_at = SosAlert.objects.get(id=duress.alert).duress_at
    assert ended_at is not None
    elsewhere = {
        "latitude": 42.99,
        "longitude": 74.57,
        "recorded_at": (ended_at + timedelta(milliseconds=1)).isoformat(),
    }

    def send(twin: Twin, body: Any, to: str = "locations/") -> Any:
        return twin.phone.post(f"{URL}{twin.alert}/{to}", body, format="json")

    assert alike(twins, lambda twin: send(twin, elsewhere)).json()["code"] == "alert_ended"
    assert alike(twins, lambda twin: send(twin, elsewhere)).json()["code"] == "alert_ended"
    both = {"locations": [during, elsewhere]}
    late = alike(twins, lambda twin: send(twin, both, "locations/batch/"))
    refused = [{"index": 1, "code": "alert_ended", "field": "recorded_at"}]
    assert late.json() == {"stored": 1, "repeated": 0, "refused": refused}
    assert alike(twins, lambda twin: send(twin, {"locations": [elsewhere]}, "locations/batch/")).status_code == 409
    assert alike(twins, lambda twin: twin.get()).data["latitude"] == 42.87
    listed = alike(twins, lambda twin: twin.phone.get(f"{URL}{twin.alert}/locations/"))
    assert [position["latitude"] for position in listed.json()["results"]] == [42.88, 42.87]
    alert = SosAlert.objects.get(id=duress.alert)
    assert alert.latitude == 42.99
    assert alert.positions.count() == 3


def test_the_timeline(twins: Twins) -> None:
    duress = under_duress(twins)
    answers.acknowledge(alert_id=UUID(duress.alert), contact_id=UUID(int=1), via=Via.PAGE, now=clock.now())
    alike(twins, lambda twin: twin.end(pin="0000"))
    shown = alike(twins, lambda twin: _timeline_kinds(twin.get("timeline/")))
    kinds = [kind for kind in json.loads(shown.content)["kinds"] if kind != "message"]
    assert kinds == ["raised", "cancelled", "pin_wrong"]
    alike(twins, lambda twin: twin.get("timeline/"))


def test_reminders_and_calls_stop_alike(twins: Twins) -> None:
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.DELIVERED)
        EscalationStep.objects.filter(alert_id=twin.uuid).exclude(kind="give_up").update(due_at=clock.now())
        steps.take_steps(now=clock.now())
        drive(messages(twin.alert, NotificationKind.CALL)[0], State.SENDING)
    alike(twins, lambda twin: twin.end())
    for twin in twins:
        for state in (State.ACCEPTED, State.DELIVERED):
            step(messages(twin.alert, NotificationKind.CALL)[0], state)
    _look_alike(twins)


def _timeline_kinds(answer: Any) -> Any:
    """The response without the hashes, which differ between any two alerts."""
    kinds = [entry["kind"] for entry in answer.json()["entries"]]
    return JsonResponse({"kinds": kinds, "data": [entry["data"] for entry in answer.json()["entries"]]})
