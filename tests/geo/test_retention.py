from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from geo import policy, retention
from geo.models import Fix, ZoneEvent
from identity.models import EmergencyContact
from messaging.database import clock
from tests.geo.stories import leave, make_zone
from tests.geo.uploads import fix, upload

pytestmark = pytest.mark.django_db


def test_what_is_no_longer_kept_goes_in_steps(
    phone: APIClient, aida: EmergencyContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "RETENTION_STEP", 2)
    make_zone(phone)
    leave(phone)
    event = ZoneEvent.objects.get()
    now = clock.now()
    for age in (91, 92, 93, 89):
        ZoneEvent.objects.create(
            zone=event.zone,
            direction="exit",
            fix_id=event.fix_id,
            fix_at=now - timedelta(days=age),
            latitude=1,
            longitude=1,
            accuracy_m=1,
            rule="evidence",
            distance_m=1,
            margin_m=1,
            fixes=2,
            decided_at=now - timedelta(days=age),
            told="told",
        )
    upload(phone, [fix(now - timedelta(days=89))])
    left = []
    for _ in range(3):
        retention.purge(now=now)
        left.append(ZoneEvent.objects.count())
    assert left == [3, 2, 2]
    assert Fix.objects.filter(at__lt=now - timedelta(days=80)).count() == 1
    later = now + timedelta(days=10)
    for _ in range(3):
        retention.purge(now=later)
    assert not Fix.objects.filter(at__lt=now - timedelta(days=80)).exists()
