"""Nobody silences an SOS: not another account, not a coercer who used up the owner's own limits before."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from alerts.contacts import notifying, presses, texts
from alerts.escalation import answers, policy, steps
from alerts.models import ActivityTimer, EscalationStep, Notification, SosAlert, StepState, Via
from alerts.timers import expiry, lifecycle
from identity.contacts.contacts import MAX_CONTACTS
from identity.models import User
from messaging.database import clock
from messaging.models import Channel, Message, MessageClass, OperatorAlarm, Sender
from messaging.outbox.senders import DEFAULT
from messaging.states import State
from tests.alerts.conftest import app
from tests.alerts.engine import text_of
from tests.alerts.typed import DURESS_PIN, set_pins
from tests.security.flooding import (
    URL,
    call_and_text_at_once,
    let_all_leave,
    messages_of,
    person,
    press,
    press_and_cancel,
    sent,
)

MOTHER, OWN = "+996700000001", "+996700000002"
VICTIM, STRANGER = "+996555000001", "+996555000002"

pytestmark = pytest.mark.django_db


@pytest.fixture
def victim() -> User:
    return person(VICTIM, MOTHER, first_name="Zarina")


def pass_time(alert: SosAlert, by: timedelta) -> None:
    for step in EscalationStep.objects.filter(alert=alert, state=StepState.PENDING):
        EscalationStep.objects.filter(id=step.id).update(due_at=step.due_at - by)
    steps.take_steps(now=clock.now())


def test_a_strangers_account_uses_up_nothing_of_the_victims(victim: User) -> None:
    """Found: 26 presses of one account in 105 s sent the mother 118 SMS and 99 calls. Then the victim's SOS ended
    `recipient_ceiling` and its call `call_ceiling`, 0 of 1 delivered. Now: 19 SMS and 12 calls, and the victim's SMS
    and call leave."""
    stranger = person(STRANGER, MOTHER)
    call_and_text_at_once(stranger)
    press_and_cancel(stranger, times=26)
    assert (sent(MOTHER, Channel.SMS), sent(MOTHER, Channel.VOICE)) == (19, 12)

    alert = press(app(victim))
    [sms] = messages_of(alert.id, "sos")
    assert (sms.state, sms.error_code, sms.rank) == (State.QUEUED, "", 0)
    assert sms.due_at == sms.queued_at
    pass_time(alert, policy.FIRST_CALL_AFTER)
    [call] = messages_of(alert.id, "call")
    assert (call.state, call.error_code) == (State.QUEUED, "")


def test_a_coercer_uses_up_no_limit_of_the_owner(victim: User) -> None:
    """Found: 50 presses and cancels on the victim's own phone, with a policy of four SMS and four calls at once, left
    the next press `recipient_ceiling` and `call_ceiling`. Now: 19 SMS, 12 calls, and the press that counts is told
    within WAIT and calls on the step of the default policy."""
    call_and_text_at_once(victim)
    press_and_cancel(victim, times=50)
    assert (sent(MOTHER, Channel.SMS), sent(MOTHER, Channel.VOICE)) == (19, 12)

    alert = press(app(victim))
    [sms] = messages_of(alert.id, "sos")
    assert (sms.state, sms.error_code) == (State.QUEUED, "")
    assert sms.due_at == sms.queued_at + presses.WAIT
    assert messages_of(alert.id, "call") == []
    pass_time(alert, policy.FIRST_CALL_AFTER)
    [call] = messages_of(alert.id, "call")
    assert (call.state, call.error_code) == (State.QUEUED, "")


def test_no_ceiling_of_the_account_refuses_a_first_sms_or_call(victim: User) -> None:
    """Found: an hour's 100 messages, however they came about, refused the first SMS and the first call."""
    _use_up_ceilings(str(victim.id), MOTHER)
    alert = press(app(victim))
    pass_time(alert, policy.FIRST_CALL_AFTER)
    assert [m.state for kind in ("sos", "call") for m in messages_of(alert.id, kind)] == [State.QUEUED] * 2
    pass_time(alert, timedelta(minutes=10))
    [reminder] = messages_of(alert.id, "reminder")
    assert (reminder.state, reminder.error_code) == (State.FAILED, "recipient_ceiling")


def test_the_warning_of_duress_is_sent_whatever_was_sent_before(victim: User) -> None:
    """Found: a coercer who knows the duress PIN could use up the hour's messages first: no contact was warned."""
    set_pins(victim)
    alert = press(app(victim))
    _use_up_ceilings(str(victim.id), MOTHER)
    assert app(victim).post(f"{URL}{alert.id}/cancel/", {"pin": DURESS_PIN}, format="json").status_code == 200
    [warning] = messages_of(alert.id, "duress")
    assert warning.state == State.QUEUED


def test_a_stranger_does_not_keep_texts_from_the_victims_own_phone(victim: User) -> None:
    """Found: 30 all-clears of a stranger whose contact is the victim refused the timer's nudge and "X is on the way".
    Now: both leave."""
    stranger = person(STRANGER, VICTIM)
    press_and_cancel(stranger, times=31)
    alert = press(app(victim))
    with transaction.atomic():
        steps.tell_owner(alert, texts.coming("Mother", language="en"), cause=uuid4(), now=clock.now())
        lifecycle.arm(person_id=victim.id, wanted=lifecycle.Wanted(period=timedelta(hours=1)), now=clock.now())
    ActivityTimer.objects.update(nudge_at=clock.now())
    expiry.check()
    own = Message.objects.filter(address=VICTIM).exclude(on_behalf_of=str(stranger.id)).order_by("id")
    assert [message.state for message in own] == [State.QUEUED] * 2
    assert text_of(own[0]) == "Mother is on the way to you."


def test_a_contact_who_answers_and_withdraws_keeps_no_text_from_the_owner(victim: User) -> None:
    """Found: 30 answers and withdrawals of one contact refused the owner's nudge and another contact's answer."""
    bad, good = victim.contacts.create(name="Bad", phone_number=OWN, language="en", order=1), victim.contacts.first()
    assert good is not None
    alert = press(app(victim))
    for _ in range(16):
        answers.acknowledge(alert_id=alert.id, contact_id=bad.id, via=Via.PAGE, now=clock.now())
        let_all_leave()
        answers.decline(alert_id=alert.id, contact_id=bad.id, via=Via.PAGE, now=clock.now())
        let_all_leave()
    assert sent(VICTIM, Channel.SMS, MessageClass.SAFETY) == 30
    answers.acknowledge(alert_id=alert.id, contact_id=good.id, via=Via.PAGE, now=clock.now())
    last = Message.objects.filter(address=VICTIM).latest("id")
    assert (last.state, text_of(last)) == (State.QUEUED, "Mother is on the way to you.")


def test_the_messages_of_one_account_stay_within_their_ceiling(victim: User) -> None:
    """Within one account the ceiling of 30 safety texts an hour holds."""
    _use_up_ceilings(str(victim.id), MOTHER)
    phone = app(victim)
    alert = press(phone)
    let_all_leave()
    phone.post(f"{URL}{alert.id}/resolve/")
    [all_clear] = messages_of(alert.id, "all_clear")
    assert (all_clear.state, all_clear.error_code) == (State.FAILED, "recipient_ceiling")


def test_alerts_after_the_third_of_an_hour_keep_the_first_sms_and_call(victim: User) -> None:
    phone = app(victim)
    plans = []
    for _ in range(5):
        alert = press(phone)
        plans.append(list(alert.steps.order_by("place").values_list("kind", "round")))
        phone.post(f"{URL}{alert.id}/cancel/")
    whole = [("call", 0), ("sms", 1), ("call", 1), ("give_up", 0)]
    assert plans == [whole] * 3 + [[("call", 0), ("give_up", 0)]] * 2
    SosAlert.objects.update(created_at=clock.now() - timedelta(hours=1))
    assert press(phone).steps.count() == 4


def test_the_operator_is_alarmed_once_for_each_account(victim: User) -> None:
    stranger = person(STRANGER, MOTHER)
    for _ in range(6):
        press_and_cancel(victim, times=1)
        press_and_cancel(stranger, times=1)
    alarm = OperatorAlarm.objects.get(code="account_held_back")
    assert (alarm.times, alarm.detail) == (2, {"person_id": str(stranger.id)})


def test_an_accounts_later_alerts_wait_behind_everybodys_first(victim: User) -> None:
    """Found: every alert began at rank 0, so an account that presses without end stood before later first contacts."""
    flooder = person(STRANGER, MOTHER, OWN)
    phone = app(flooder)
    for before in range(3):
        alert = press(phone)
        assert [m.rank for m in messages_of(alert.id, "sos")] == [before, before + 1]
        phone.post(f"{URL}{alert.id}/cancel/")
    assert [m.rank for m in messages_of(press(app(victim)).id, "sos")] == [0]


class TestAContactWhoHasNotConfirmed:
    @pytest.fixture(autouse=True)
    def nobody_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(notifying, "is_confirmed", lambda contact: False)

    def test_is_told_of_four_alerts_a_day_and_called_once_for_each(self, victim: User) -> None:
        """Found: the account of a stranger sent a number 118 SMS and 99 calls in 105 s. Now: 4 SMS, and 4 calls if each
        alert stays open for a minute."""
        call_and_text_at_once(victim)
        phone = app(victim)
        for _ in range(6):
            alert = press(phone)
            pass_time(alert, timedelta(minutes=20))
            let_all_leave()
            phone.post(f"{URL}{alert.id}/cancel/")
        assert (sent(MOTHER, Channel.SMS), sent(MOTHER, Channel.VOICE)) == (presses.TO_UNCONFIRMED,) * 2

    def test_the_owner_sees_why_and_the_press_is_taken(self, victim: User) -> None:
        press_and_cancel(victim, times=presses.TO_UNCONFIRMED)
        body = app(victim).post(URL, {}, format="json").data
        [contact] = body["contacts"]
        assert (contact["status"], contact["reason"]) == ("failed", "not_confirmed")
        assert contact["detail"] == "Mother has not agreed to be your contact and was told often today"
        assert body["reach"]["can_be_reached"] == 0
        assert not EscalationStep.objects.filter(alert=body["id"], kind="call").exists()

    def test_gets_nothing_about_an_alert_that_was_withheld(self, victim: User) -> None:
        press_and_cancel(victim, times=presses.TO_UNCONFIRMED + 3)
        withheld = SosAlert.objects.order_by("-id")[:3]
        told = Notification.objects.filter(alert__in=withheld).exclude(kind="sos")
        assert not told.exists()

    def test_adding_the_contact_again_changes_nothing(self, victim: User) -> None:
        press_and_cancel(victim, times=presses.TO_UNCONFIRMED)
        victim.contacts.all().delete()
        victim.contacts.create(name="Mother", phone_number=MOTHER, language="en", order=0)
        [sms] = messages_of(press(app(victim)).id, "sos")
        assert (sms.state, sms.error_code) == (State.FAILED, presses.WITHHELD)
        SosAlert.objects.update(created_at=clock.now() - presses.A_DAY)
        app(victim).post(f"{URL}{SosAlert.objects.latest('id').id}/cancel/")
        [sms] = messages_of(press(app(victim)).id, "sos")
        assert sms.state == State.QUEUED

    def test_other_accounts_do_not_refuse_a_first_sms_or_call(self, victim: User) -> None:
        for cause in range(5):
            _use_up_ceilings(f"account {cause}", MOTHER)
        alert = press(app(victim))
        pass_time(alert, policy.FIRST_CALL_AFTER)
        assert [m.state for kind in ("sos", "call") for m in messages_of(alert.id, kind)] == [State.QUEUED] * 2

    def test_gets_no_more_of_the_rest_than_one_account_may_send(self, victim: User) -> None:
        """All accounts that the number has not confirmed share the ceiling of one."""
        _use_up_ceilings("somebody", MOTHER)
        alert = press(app(victim))
        let_all_leave()
        app(victim).post(f"{URL}{alert.id}/resolve/")
        [all_clear] = messages_of(alert.id, "all_clear")
        assert (all_clear.state, all_clear.error_code) == (State.FAILED, "recipient_ceiling")

    def test_waits_behind_the_first_sms_of_those_who_have(self, victim: User) -> None:
        """Accounts that nobody has confirmed do not stand before an SOS, however many there are."""
        [sms] = messages_of(press(app(victim)).id, "sos")
        assert sms.rank == MAX_CONTACTS

    def test_the_operator_is_alarmed_once(self, victim: User) -> None:
        for _ in range(presses.TO_UNCONFIRMED + 4):
            press_and_cancel(victim, times=1)
            SosAlert.objects.update(created_at=clock.now() - timedelta(hours=2))
        assert OperatorAlarm.objects.get(code="account_held_back").times == 1


def _use_up_ceilings(cause: str, number: str) -> None:
    """Fill the ceilings of SMS, calls and safety texts for this cause and number."""
    now = clock.now()
    sender = Sender.objects.get(name=DEFAULT)
    common: dict[str, Any] = {"address": number, "segments": 1, "sender": sender, "state": State.SENT}
    times = {"due_at": now, "deadline_at": now + timedelta(hours=1), "queued_at": now}
    emergency, safety = MessageClass.EMERGENCY, MessageClass.SAFETY
    kinds = [(Channel.SMS, emergency)] * 100 + [(Channel.VOICE, emergency)] * 100 + [(Channel.SMS, safety)] * 30
    Message.objects.bulk_create(
        Message(channel=channel, message_class=kind, on_behalf_of=cause, **common, **times) for channel, kind in kinds
    )
