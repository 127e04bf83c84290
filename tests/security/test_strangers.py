"""Every endpoint of the schema, walked with a stranger's token: nothing of another person is shown or changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from alerts.models import ActivityTimer, AlertStatus, SosAlert
from alerts.positions.track import Position
from alerts.sos.raising import Cause, raise_alerts
from alerts.timers import lifecycle
from geo import blueprints, tracking, zones
from geo.models import Blueprint, Fix, GeoZone
from geo.reading import Sent
from identity.devices import credentials
from identity.models import Device, EmergencyContact, Platform, RateCount, Session, User
from messaging.database import clock
from messaging.models import Message
from tests.signed_in import bearer

pytestmark = pytest.mark.django_db

SECRETS = ("Zarina", "Tologonova", "+996700333444", "700333444", "Kanykei", "+996700555666", "42.8746", "74.5698")
PARAMETERS = (
    *("{contact_id}", "{alert_id}", "{device_id}", "{id}", "{signature}", "{timer_id}"),
    *("{zone_id}", "{blueprint_id}", "{upload_id}", "{session_id}"),
)
BODIES: list[dict[str, Any]] = [
    {},
    {"name": "Mallory", "phone_number": "+996700777888", "relation": "none", "language": "en", "first_name": "Mallory"},
    {"latitude": 1.0, "longitude": 1.0, "address": "elsewhere"},
]


@pytest.fixture
def victim() -> User:
    user = User.objects.create(phone_number="+996700333444", first_name="Zarina", last_name="Tologonova")
    EmergencyContact.objects.create(user=user, name="Kanykei", phone_number="+996700555666", order=0)
    bearer(user)
    credentials.register(person=user, session_id=None, name="Zarina's", platform=Platform.IOS, now=clock.now())
    with transaction.atomic():
        raise_alerts([Cause(owner=user, place=Position(latitude=42.8746, longitude=74.5698))], now=clock.now())
        wanted = lifecycle.Wanted(period=timedelta(hours=1), place="Zarina's hut")
        lifecycle.arm(person_id=user.id, wanted=wanted, now=clock.now())
    here = {"latitude": 42.8746, "longitude": 74.5698}
    circle = {"name": "Zarina's home", "shape": "circle", "radius_m": 100} | here
    zones.add(person_id=user.id, fields=circle, now=clock.now())
    blueprints.add_from_current(person_id=user.id, name="Zarina's", now=clock.now())
    fix = here | {"recorded_at": clock.now().isoformat()}
    tracking.take(Sent(items=[fix]), owner_id=user.id, now=clock.now())
    return user


def operations() -> list[tuple[str, str]]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    return [(method, path) for path, methods in paths.items() for method in methods]


def snapshot() -> list[Any]:
    return [
        *User.objects.filter(phone_number="+996700333444").values(),
        *EmergencyContact.objects.filter(phone_number="+996700555666").values(),
        *Session.objects.filter(user__phone_number="+996700333444").values(),
        *Device.objects.filter(user__phone_number="+996700333444").values(),
        *SosAlert.objects.filter(owner__phone_number="+996700333444").values(),
        *ActivityTimer.objects.filter(owner__phone_number="+996700333444").values(),
        *GeoZone.objects.filter(owner__phone_number="+996700333444").values(),
        *Blueprint.objects.filter(owner__phone_number="+996700333444").values(),
        *Fix.objects.filter(owner__phone_number="+996700333444").values(),
        *Message.objects.filter(address="+996700555666").values("id", "state", "deadline_at"),
    ]


def test_no_endpoint_shows_or_changes_another_persons_rows(victim: User) -> None:
    mallory = User.objects.create(phone_number="+996700999000", first_name="Mallory")
    own = (victim.contacts, victim.sos_alerts, victim.devices, victim.timers, victim.geozones, victim.blueprints)
    ids = [*(rows.get().pk for rows in own), victim.session_set.get().id, victim.id]
    before = snapshot()
    client = APIClient(headers={"Tus-Resumable": "1.0.0", "Authorization": bearer(mallory)})

    walked = 0
    for method, path in operations():
        # A limit would answer instead of the view.
        RateCount.objects.all().delete()
        for target in ids if "{" in path else ids[:1]:
            url = path
            for name in PARAMETERS:
                url = url.replace(name, str(target))
            assert "{" not in url, f"teach this test the parameter of {path}"
            for body in BODIES:
                answer = getattr(client, method)(url, body, format="json")
                walked += 1
                shown = answer.getvalue().decode()
                assert not [secret for secret in SECRETS if secret in shown], f"{method} {url}: {shown}"
                if "{" in path:
                    assert answer.status_code in (400, 404, 405), f"{method} {url}: {answer.status_code}"
    assert walked > 60
    assert snapshot() == before


def test_nothing_but_sign_in_answers_without_a_token(victim: User) -> None:
    client = APIClient()
    for method, path in operations():
        # Public keys are for everybody.
        if "/auth/" in path or path.endswith("/export-key/"):
            continue
        url = path
        for name in PARAMETERS:
            url = url.replace(name, str(victim.sos_alerts.get().id))
        answer = getattr(client, method)(url, {}, format="json")
        # A signed URL is the permission itself; a URL that nobody signed is no permission.
        expected = 404 if "{signature}" in path else 401
        assert answer.status_code == expected, f"{method} {url}: {answer.status_code}"
        assert answer["Content-Type"] == "application/problem+json"


def test_an_ended_account_is_shut_out(victim: User) -> None:
    token, expired = bearer(victim), bearer(victim, is_expired=True)
    User.objects.filter(id=victim.id).update(is_active=False)
    for bad in (token, expired, "Bearer garbage", "Bearer a.b.c", f"Bearer {'é' * 10}"):
        answer = APIClient().get("/api/v1/sos-alerts/", HTTP_AUTHORIZATION=bad)
        assert answer.status_code == 401


def test_alert_status_is_unchanged_by_a_stranger(victim: User) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(phone_number="+996700999000"))
    for verb in ("cancel", "resolve"):
        assert client.post(f"/api/v1/sos-alerts/{victim.sos_alerts.get().id}/{verb}/").status_code == 404
    assert victim.sos_alerts.get().status == AlertStatus.ACTIVE
