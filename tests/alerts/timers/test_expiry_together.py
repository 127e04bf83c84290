"""Timers that run out at once are fired together: at a bounded cost, in order, and without deadlock with other work."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from alerts.escalation import answers, steps
from alerts.models import (
    ActivityTimer,
    AlertEvent,
    AlertStatus,
    Answer,
    AnswerKind,
    EscalationStep,
    Notification,
    NotificationKind,
    SosAlert,
    StepKind,
    StepState,
    TimerStatus,
    Via,
)
from alerts.timers import expiry
from identity.models import EmergencyContact, User
from messaging import policy
from messaging.database import clock
from messaging.models import Message, MessageClass, OperatorAlarm
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import messages
from tests.alerts.timers.running_out import armed, move, run_out
from tests.race import at_once

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/sos-alerts/"


def people(count: int, *, contacts: int = 2) -> list[User]:
    first = User.objects.count()
    made = User.objects.bulk_create(
        User(phone_number=f"+99655501{n:04}", language="en") for n in range(first, first + count)
    )
    EmergencyContact.objects.bulk_create(
        EmergencyContact(user=user, name="C", phone_number=f"+9967{place:02}{str(user.phone_number)[-6:]}", order=place)
        for user in made
        for place in range(contacts)
    )
    return made


def fall_silent(users: list[User]) -> list[str]:
    timers = [armed(user) for user in users]
    for place, timer in enumerate(timers):
        run_out(timer, ago=timedelta(seconds=60 - place))
    return timers


def statements_of_a_check() -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        expiry.check()
    statements = [str(query["sql"]) for query in captured]
    # The statements of the first batch: the next batch finds nothing.
    return statements[: statements.index("COMMIT")]


def test_fifty_timers_cost_as_many_statements_as_two() -> None:
    fall_silent(people(2))
    two = statements_of_a_check()
    fall_silent(people(50, contacts=5))
    fifty = statements_of_a_check()
    assert SosAlert.objects.count() == 52
    assert Message.objects.count() == Notification.objects.count() == 2 * 2 + 50 * 5
    assert len(fifty) == len(two) <= 20, fifty


def test_one_contact_of_fifty_people_is_told_of_every_one() -> None:
    users = people(50, contacts=1)
    EmergencyContact.objects.filter(user__in=users).update(phone_number="+996777000050")
    fall_silent(users)
    assert expiry.check() == 50
    assert Message.objects.filter(address="+996777000050", state=State.QUEUED).count() == 50


def test_one_contact_of_many_people_hears_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: the people of one guide used up the guide's ceiling for one another."""
    monkeypatch.setitem(policy.PER_RECIPIENT_AND_HOUR, MessageClass.EMERGENCY, 10)
    counts = []
    for together in (12, 30):
        users = people(together, contacts=1)
        EmergencyContact.objects.filter(user__in=users).update(phone_number=f"+9967770000{together}")
        fall_silent(users)
        counts.append(len(statements_of_a_check()))
    assert counts[0] == counts[1]
    assert Message.objects.filter(state=State.QUEUED).count() == 12 + 30
    assert not OperatorAlarm.objects.exists()


def test_the_person_silent_for_longest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "_BATCH", 3)
    users = people(7)
    fall_silent(users)
    assert expiry.check() == 7
    fired = ActivityTimer.objects.order_by("ended_at", "due_at").values_list("owner_id", flat=True)
    assert list(fired) == [user.id for user in users]


def test_people_with_many_contacts_are_fired_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "_MESSAGES", 5)
    fall_silent(people(1, contacts=9) + people(4) + people(1, contacts=9))
    assert expiry.check() == 6
    batches = ActivityTimer.objects.values_list("ended_at").annotate(Count("id")).order_by("ended_at")
    assert [timers for _, timers in batches] == [1, 2, 2, 1]


def test_each_contact_has_their_rank_in_their_own_alert() -> None:
    fall_silent(people(3, contacts=3))
    expiry.check()
    for alert in SosAlert.objects.all():
        assert [message.rank for message in messages(str(alert.id))] == [0, 1, 2]
        assert list(alert.events.order_by("id").values_list("kind", flat=True)) == ["raised", "check_in_missed"]
        planned = alert.steps.order_by("place")
        assert [step.kind for step in planned] == ["call"] * 3 + ["sms"] * 3 + ["call"] * 3 + ["give_up"]


def test_two_timers_of_one_person_are_one_alert() -> None:
    users = people(3)
    timers = fall_silent([*users, *users])
    assert expiry.check() == len(timers)
    assert SosAlert.objects.count() == 3
    assert Message.objects.count() == 6
    assert {timer.alert_id for timer in ActivityTimer.objects.all()} == {alert.id for alert in SosAlert.objects.all()}


def test_the_phones_position_is_told_with_its_time(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    timer = armed(ana)
    an_hour_ago = clock.now() - timedelta(hours=1)
    ActivityTimer.objects.update(created_at=an_hour_ago - timedelta(hours=1))
    move(ana, timer, "heartbeat", latitude=42.65, longitude=74.48, accuracy=30, recorded_at=an_hour_ago.isoformat())
    run_out(timer)
    expiry.check()
    (position,) = SosAlert.objects.get().positions.all()
    assert (position.latitude, position.accuracy_m, position.at) == (42.65, 30, an_hour_ago)


def test_an_older_position_does_not_replace_a_newer_one(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    timer = armed(ana)
    move(ana, timer, "heartbeat", latitude=42.65, longitude=74.48)
    app(ana).post(URL, {"latitude": 42.9, "longitude": 74.6}, format="json")
    run_out(timer)
    expiry.check()
    alert = SosAlert.objects.get()
    assert (alert.latitude, alert.positions.count()) == (42.9, 2)


class TestAContactWhoIsToldLater:
    """A timer named only Bek. Then Ana presses SOS, and Aida is told too."""

    @pytest.fixture
    def alert(self, ana: User, contacts: Contacts) -> SosAlert:
        _, bek = contacts("Aida", "Bek")
        run_out(armed(ana, contact_ids=[str(bek.id)]))
        expiry.check()
        return SosAlert.objects.get()

    def test_is_called_when_nobody_answers(self, ana: User, alert: SosAlert) -> None:
        EscalationStep.objects.update(due_at=clock.now() + timedelta(seconds=1))
        app(ana).post(URL, {}, format="json")
        theirs = alert.steps.filter(contact_id=ana.contacts.get(order=0).id).order_by("place")
        assert [(step.kind, step.state) for step in theirs] == [
            ("call", "pending"),
            ("sms", "pending"),
            ("call", "pending"),
        ]
        last = theirs.latest("due_at")
        give_up = alert.steps.get(kind=StepKind.GIVE_UP)
        assert give_up.due_at > last.due_at
        EscalationStep.objects.filter(id=theirs[0].id).update(due_at=clock.now())
        steps.take_steps(now=clock.now())
        called = Notification.objects.filter(alert=alert, kind=NotificationKind.CALL)
        assert [call.name for call in called] == ["Aida"]

    def test_is_not_called_while_somebody_is_on_the_way(self, ana: User, alert: SosAlert) -> None:
        SosAlert.objects.update(status=AlertStatus.ACKNOWLEDGED)
        Answer.objects.create(
            alert=alert, contact_id=uuid4(), kind=AnswerKind.ACKNOWLEDGED, via=Via.PAGE, at=clock.now()
        )
        alert.steps.update(state=StepState.SKIPPED)
        app(ana).post(URL, {}, format="json")
        aida = ana.contacts.get(order=0)
        assert {step.state for step in alert.steps.filter(contact_id=aida.id)} == {StepState.SKIPPED}
        steps.resume(alert, now=clock.now())
        assert {step.state for step in alert.steps.all()} == {StepState.PENDING}

    def test_is_called_before_the_alert_is_exhausted_again(self, ana: User, alert: SosAlert) -> None:
        """Nobody answered, then Bek did, late. Then Ana pressed, and now Bek withdraws."""
        alert.steps.update(state=StepState.DONE, due_at=clock.now() - timedelta(minutes=5))
        SosAlert.objects.update(status=AlertStatus.EXHAUSTED)
        bek = alert.notifications.get().contact_id
        answers.acknowledge(alert_id=alert.id, contact_id=bek, via=Via.PAGE, now=clock.now())
        press(ana)
        answers.decline(alert_id=alert.id, contact_id=bek, via=Via.PAGE, now=clock.now())
        assert steps.take_steps(now=clock.now()) == 0
        assert SosAlert.objects.get().status == AlertStatus.ACTIVE
        pending = alert.steps.filter(state=StepState.PENDING).order_by("due_at", "place")
        assert [step.name for step in pending] == ["Aida", "Aida", "Aida", ""]


def press(user: User) -> Any:
    return app(user).post(URL, {}, format="json")


def end(user: User, alert_id: UUID) -> Any:
    return app(user).post(f"{URL}{alert_id}/resolve/")


def test_checkers_meet_presses_and_ends() -> None:
    for _ in range(3):
        users = people(12, contacts=1)
        open_alerts = {user: UUID(press(user).data["id"]) for user in users[:4]}
        timers = fall_silent([*users, *reversed(users)])
        calls: list[Callable[[], Any]] = [expiry.check, expiry.check]
        calls += [partial(press, user) for user in (users[11], users[5])]
        calls += [partial(end, user, open_alerts[user]) for user in (users[3], users[0])]
        answers = at_once(*calls)
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert answers[0] + answers[1] == len(timers)
        assert {answer.status_code for answer in answers[2:]} <= {200, 201}
        assert set(ActivityTimer.objects.values_list("status", flat=True)) == {TimerStatus.FIRED}
        for user in users:
            alerts = SosAlert.objects.filter(owner=user)
            assert alerts.filter(status=AlertStatus.ACTIVE).count() == 1 or user in open_alerts
            assert alerts.count() == 1 or user in open_alerts
            told = Notification.objects.filter(alert__in=alerts, kind=NotificationKind.SOS)
            assert told.count() == alerts.count()
        raised = AlertEvent.objects.filter(kind="raised", alert__owner__in=users)
        assert raised.count() == SosAlert.objects.filter(owner__in=users).count()
