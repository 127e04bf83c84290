"""Timers that run out raise one alert each, whoever else works on them, with the right texts."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from alerts.models import ActivityTimer, SosAlert, TimerStatus
from alerts.sos import raising
from alerts.sos.raising import Cause
from alerts.timers import expiry, lifecycle
from identity.models import EmergencyContact, User
from messaging.database import clock
from messaging.models import Message, MessageClass
from messaging.outbox import outgoing
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import messages, text_of
from tests.alerts.timers.running_out import armed, move, run_out
from tests.race import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_timer_that_runs_out_raises_one_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida", "Bek")
    timer = armed(ana, place="Ala-Archa")
    move(ana, timer, "heartbeat", battery=12, latitude=42.65, longitude=74.48)
    run_out(timer)
    assert expiry.check() == 1
    assert expiry.check() == 0
    alert = SosAlert.objects.get()
    assert (alert.kind, alert.latitude, alert.address) == ("missed_check_in", 42.65, "Ala-Archa")
    texts = [text_of(message) for message in messages(str(alert.id))]
    assert len(texts) == 2
    assert all("Ana Asanova missed a check-in" in text and "+996555123456" in text for text in texts)
    assert [m.message_class for m in messages(str(alert.id))] == [MessageClass.EMERGENCY] * 2
    missed = alert.events.get(kind="check_in_missed")
    assert (missed.data["timer_id"], missed.data["battery"]) == (timer, 12)
    shown = app(ana).get(f"/api/v1/sos-alerts/{alert.id}/").data
    assert (shown["kind"], shown["status"]) == ("missed_check_in", "active")


def test_a_phone_that_posts_late_is_told_of_the_alert(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    timer = armed(ana)
    run_out(timer)
    expiry.check()
    alert_id = str(SosAlert.objects.get().id)
    for verb in ("complete", "complete", "cancel", "check-in", "extend", "heartbeat"):
        answer = move(ana, timer, verb, duration_s=60)
        assert (answer.status_code, answer.json()["code"]) == (409, "timer_fired"), verb
        assert answer.json()["alert_id"] == alert_id
    assert SosAlert.objects.get().status == "active"


def test_timers_that_are_not_due_do_not_fire(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    armed(ana)
    done = armed(ana)
    move(ana, done, "complete")
    ActivityTimer.objects.filter(id=done).update(due_at=clock.now() - timedelta(hours=1))
    assert not expiry.is_anything_due()
    assert expiry.check() == 0
    late = armed(ana)
    run_out(late, ago=timedelta(milliseconds=100))
    assert expiry.is_anything_due()
    assert expiry.check(older_than=timedelta(seconds=60)) == 0
    assert not SosAlert.objects.exists()


def test_only_the_chosen_are_told_and_a_press_tells_the_rest(ana: User, contacts: Contacts) -> None:
    _, bek = contacts("Aida", "Bek")
    timer = armed(ana, contact_ids=[str(bek.id)])
    run_out(timer)
    expiry.check()
    alert = str(SosAlert.objects.get().id)
    assert [m.address for m in messages(alert)] == [str(bek.phone_number)]
    pressed = app(ana).post("/api/v1/sos-alerts/", {}, format="json")
    assert (pressed.status_code, pressed.data["id"], pressed.data["kind"]) == (200, alert, "sos")
    assert len(messages(alert)) == 2
    assert "SOS" in text_of(messages(alert)[1])
    app(ana).post("/api/v1/sos-alerts/", {}, format="json")
    assert len(messages(alert)) == 2


def test_when_the_chosen_are_gone_everybody_is_told(ana: User, contacts: Contacts) -> None:
    _, bek = contacts("Aida", "Bek")
    timer = armed(ana, contact_ids=[str(bek.id)])
    EmergencyContact.objects.filter(id=bek.id).delete()
    run_out(timer)
    expiry.check()
    assert len(messages(str(SosAlert.objects.get().id))) == 1


def test_a_timer_joins_an_open_alert(ana: User, contacts: Contacts) -> None:
    aida, bek = contacts("Aida", "Bek")
    for chosen in (aida, bek):
        run_out(armed(ana, contact_ids=[str(chosen.id)]))
    assert expiry.check() == 2
    alert = SosAlert.objects.get()
    assert {m.address for m in messages(str(alert.id))} == {str(aida.phone_number), str(bek.phone_number)}
    assert alert.timers.count() == 2


def test_the_person_gets_one_nudge(ana: User, contacts: Contacts) -> None:
    contacts("Aida")
    timer = armed(ana)
    ActivityTimer.objects.filter(id=timer).update(nudge_at=clock.now())
    assert expiry.check() == 0
    assert expiry.check() == 0
    (nudge,) = Message.objects.filter(address=str(ana.phone_number))
    assert nudge.message_class == MessageClass.SAFETY
    assert text_of(nudge) == "Your timer ends in 60 min. Check in, or your contacts are told."


@pytest.mark.parametrize("verb", ["complete", "check-in", "extend"])
def test_a_move_meets_the_firing(ana: User, contacts: Contacts, verb: str) -> None:
    contacts("Aida")
    for _ in range(5):
        timer = armed(ana)
        run_out(timer)
        answer, fired = at_once(partial(move, ana, timer, verb, duration_s=3600), expiry.check)
        alerts = SosAlert.objects.filter(timers__id=timer).count()
        status = ActivityTimer.objects.get(id=timer).status
        assert (answer.status_code, fired, alerts, status == TimerStatus.FIRED) in (
            (200, 0, 0, False),
            (409, 1, 1, True),
        )
        ActivityTimer.objects.all().delete()
        SosAlert.objects.update(status="cancelled", ended_at=clock.now())


def test_several_checkers_fire_each_timer_once(contacts: Contacts) -> None:
    people = [User.objects.create(phone_number=f"+99655500{n:04}", language="en") for n in range(20)]
    for n, user in enumerate(people):
        EmergencyContact.objects.create(user=user, name="C", phone_number=f"+99670300{n:04}", order=0)
        run_out(armed(user))
    fired = at_once(expiry.check, expiry.check, expiry.check)
    assert sum(fired) == 20
    assert SosAlert.objects.count() == Message.objects.count() == 20


def test_a_timer_that_cannot_fire_holds_up_no_other(
    ana: User, stranger: User, contacts: Contacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts("Aida")
    EmergencyContact.objects.create(user=stranger, name="C", phone_number="+996703000000", order=0)
    bad, good = armed(ana), armed(stranger)
    run_out(bad, ago=timedelta(seconds=2))
    run_out(good)
    raise_alerts = raising.raise_alerts

    def fails(causes: list[Cause], **wanted: Any) -> Any:
        if ana in [cause.owner for cause in causes]:
            raise RuntimeError
        return raise_alerts(causes, **wanted)

    with monkeypatch.context() as broken:
        broken.setattr(raising, "raise_alerts", fails)
        expiry.check()
        assert SosAlert.objects.get().owner == stranger
    ActivityTimer.objects.filter(id=bad).update(due_at=clock.now() - timedelta(seconds=1))
    expiry.check()
    assert SosAlert.objects.count() == 2
    assert lifecycle.of_person(timer_id=ActivityTimer.objects.get(id=bad).id, person_id=ana.id).status == "fired"


def test_a_nudge_that_fails_holds_up_no_other(
    ana: User, stranger: User, contacts: Contacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts("Aida")
    EmergencyContact.objects.create(user=stranger, name="C", phone_number="+996703000000", order=0)
    bad, _ = armed(ana), armed(stranger)
    due = clock.now() - timedelta(seconds=1)
    ActivityTimer.objects.update(nudge_at=due)
    queue = outgoing.queue

    def fails(messages: list[outgoing.Outgoing], **wanted: Any) -> Any:
        if str(ana.phone_number) in [each.address for each in messages]:
            raise RuntimeError
        return queue(messages, **wanted)

    with monkeypatch.context() as broken:
        broken.setattr(outgoing, "queue", fails)
        expiry.check()
    assert Message.objects.get().address == str(stranger.phone_number)
    again = ActivityTimer.objects.get(id=bad)
    assert again.nudge_at == due + expiry.TRY_AGAIN_AFTER
    ActivityTimer.objects.filter(id=bad).update(nudge_at=due)
    expiry.check()
    assert Message.objects.count() == 2
