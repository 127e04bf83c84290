"""Codes sent and codes typed in, counted by country."""

from datetime import UTC, timedelta

import pytest

from identity.models import CodeCount
from identity.verification import conversion
from messaging.database import clock
from messaging.models import Message, OperatorAlarm, Sender
from tests.identity.phones import App, register

ANA, BOB = "+996700123456", "+12025550123"
pytestmark = pytest.mark.django_db


def counts() -> list[tuple[str, int, int]]:
    return list(CodeCount.objects.order_by("country").values_list("country", "sent", "verified"))


def test_each_country_is_counted_by_day() -> None:
    now = clock.now()
    for number in (ANA, ANA, BOB):
        conversion.count_sent(number, now=now)
    conversion.count_verified(ANA, now=now)
    assert counts() == [("+1", 1, 0), ("+996", 2, 1)]
    conversion.count_sent(ANA, now=now + timedelta(days=1))
    assert CodeCount.objects.filter(day=(now + timedelta(days=1)).astimezone(UTC).date(), sent=1).count() == 1


def test_a_refused_code_does_not_count_as_sent(app: App) -> None:
    Sender.objects.update(is_active=False)
    assert register(app).status_code == 200
    assert Message.objects.get().error_code == "no_sender"
    assert counts() == []
    Sender.objects.update(is_active=True)
    assert register(app).status_code == 200
    assert counts() == [("+996", 1, 0)]


def test_codes_that_few_type_in_alarm_the_operator_once_a_day() -> None:
    now = clock.now()
    today = now.astimezone(UTC).date()
    CodeCount.objects.create(day=today, country="+996", sent=1_000, verified=200)
    CodeCount.objects.create(day=today, country="+1", sent=conversion.ENOUGH_TO_JUDGE - 1)
    assert conversion.judge(now=now) == 0
    conversion.count_sent(BOB, now=now)
    assert conversion.judge(now=now) == 1
    assert conversion.judge(now=now) == 0
    alarm = OperatorAlarm.objects.get()
    assert (alarm.code, alarm.detail) == ("codes_not_typed_in", {"country": "+1", "sent": 50, "verified": 0})
