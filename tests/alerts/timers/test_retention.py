"""How long timers are kept after their end, and what the operator sees of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from alerts.evidence.retention import hold
from alerts.models import ActivityTimer, Heartbeat, SosAlert, TimerStatus
from alerts.timers import expiry, retention
from config.periodic import PERIODIC
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import Contacts
from tests.alerts.timers.running_out import armed, move, run_out

KEPT = timedelta(days=90)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _somebody_to_tell(contacts: Contacts) -> None:
    contacts("Aida")


def purge_after(period: timedelta) -> int:
    return PERIODIC["purge_timers"].run(now=clock.now() + period)


def test_an_ended_timer_goes_with_its_heartbeats(ana: User) -> None:
    timer, going_on = armed(ana), armed(ana)
    for each in (timer, going_on):
        move(ana, each, "heartbeat", battery=12, latitude=42.65, longitude=74.48)
    move(ana, timer, "complete")
    assert purge_after(KEPT - timedelta(hours=1)) == 0
    assert purge_after(KEPT) == 1
    assert [str(left.id) for left in ActivityTimer.objects.all()] == [going_on]
    assert Heartbeat.objects.count() == 1


def test_an_armed_timer_stays_however_old(ana: User) -> None:
    armed(ana)
    assert purge_after(timedelta(days=5_000)) == 0


def test_the_alert_outlives_its_timer_and_a_held_alert_keeps_it(ana: User) -> None:
    run_out(armed(ana))
    expiry.check()
    alert = SosAlert.objects.get()
    hold(alert_id=alert.id, by_id=None, now=clock.now())
    assert purge_after(KEPT + timedelta(days=1)) == 0
    alert.legal_hold.delete()
    assert purge_after(KEPT + timedelta(days=1)) == 1
    assert SosAlert.objects.get() == alert


def test_a_call_deletes_a_bounded_number(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(3):
        move(ana, armed(ana), "cancel")
    assert [purge_after(KEPT) for _ in range(3)] == [2, 1, 0]


def test_the_operator_sees_when_and_not_where(ana: User, admin_client: Client) -> None:
    timer = armed(ana, note="Ak-Sai trail", place="Ala-Archa")
    move(ana, timer, "heartbeat", latitude=42.65, longitude=74.48)
    listed: Any = admin_client.get("/admin/alerts/activitytimer/")
    shown: Any = admin_client.get(f"/admin/alerts/activitytimer/{timer}/change/")
    for answer in (listed, shown):
        page = answer.content.decode()
        assert answer.status_code == 200
        assert TimerStatus.ARMED.label in page
        assert str(ana.id) in page
        for private in ("Ak-Sai", "Ala-Archa", "42.65", str(ana.phone_number), "Asanova"):
            assert private not in page
