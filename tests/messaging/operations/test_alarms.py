import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend

from messaging import policy
from messaging.database import clock
from messaging.models import MessageClass, OperatorAlarm
from messaging.operations.alarms import alarm, mail_alarms
from tests.messaging.engine import ANA, queued, sms
from tests.race import at_once


@pytest.fixture
def operator(settings: Any) -> str:
    settings.OPS_EMAILS = ["ops@alertme.example"]
    return "ops@alertme.example"


@pytest.mark.django_db
def test_repeats_of_a_code_count_up_until_it_is_mailed(operator: str) -> None:
    first = clock.now()
    for number in range(3):
        alarm("provider_quota", now=first if number == 0 else clock.now(), messages=number)
    row = OperatorAlarm.objects.get()
    assert (row.times, row.detail, row.raised_at) == (3, {"messages": 2}, first)
    mail_alarms(now=clock.now())
    alarm("provider_quota", now=clock.now())
    assert OperatorAlarm.objects.count() == 2


@pytest.mark.django_db
def test_all_that_is_pending_goes_in_one_mail_once(operator: str) -> None:
    alarm("provider_quota", now=clock.now(), messages=4)
    alarm("recipient_ceiling", now=clock.now(), message_id=7)
    assert mail_alarms(now=clock.now()) == 2
    assert mail_alarms(now=clock.now()) == 0
    [letter] = mail.outbox
    assert letter.to == [operator]
    assert "provider_quota x1  {'messages': 4}" in letter.body
    assert "recipient_ceiling x1  {'message_id': 7}" in letter.body


@pytest.mark.django_db
def test_a_mail_that_could_not_be_sent_is_sent_later(operator: str, settings: Any) -> None:
    alarm("provider_quota", now=clock.now())
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "no.such.Backend"
    with pytest.raises(ImportError):
        mail_alarms(now=clock.now())
    settings.EMAIL_BACKEND = working
    assert mail_alarms(now=clock.now()) == 1
    assert len(mail.outbox) == 1


class AlarmingBackend(EmailBackend):
    """Raises the same alarm again while it sends a mail."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        alarm("provider_quota", now=clock.now())
        return super().send_messages(messages)


@pytest.mark.django_db
def test_an_alarm_raised_again_during_the_mail_is_in_the_next(operator: str, settings: Any) -> None:
    alarm("provider_quota", now=clock.now())
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.{AlarmingBackend.__name__}"
    mail_alarms(now=clock.now())
    settings.EMAIL_BACKEND = working
    mail_alarms(now=clock.now())
    assert [letter.body.partition("provider_quota ")[2] for letter in mail.outbox] == ["x1  {}", "x2  {}"]
    assert mail_alarms(now=clock.now()) == 0


@pytest.mark.django_db
def test_without_an_operators_address_nothing_piles_up() -> None:
    alarm("provider_quota", now=clock.now())
    assert mail_alarms(now=clock.now()) == 1
    assert mail.outbox == []
    assert mail_alarms(now=clock.now()) == 0


@pytest.mark.django_db
def test_an_alarm_holds_ids_only(operator: str) -> None:
    queued(*[sms("Ana needs help at 42.87") for _ in range(policy.PER_RECIPIENT_AND_HOUR[MessageClass.EMERGENCY] + 1)])
    row = OperatorAlarm.objects.get()
    mail_alarms(now=clock.now())
    for told in (json.dumps(row.detail), mail.outbox[0].subject, mail.outbox[0].body):
        assert ANA not in told
        assert ANA[1:] not in told
        assert "Ana" not in told


@pytest.mark.django_db(transaction=True)
def test_alarms_raised_at_once_are_one_row() -> None:
    results = at_once(*[partial(alarm, "provider_quota", now=clock.now()) for _ in range(6)])
    assert results == [None] * 6
    assert OperatorAlarm.objects.get().times == 6
