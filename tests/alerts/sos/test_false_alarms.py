"""False alarms are counted, for the person and for the operator."""

import re

import pytest
from django.test import Client

from alerts.models import SosAlert
from identity.models import User
from identity.pins import even_timing
from tests.alerts.sos.twins import URL, Twin, alike, make_twins
from tests.alerts.typed import SAFE_PIN, pass_the_hour

pytestmark = pytest.mark.django_db

COUNT = f"{URL}false-alarms/"


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> tuple[Twin, Twin]:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    return make_twins("Aida")


def test_a_cancelled_alert_counts_and_a_resolved_one_does_not(twins: tuple[Twin, Twin]) -> None:
    safe, _ = twins
    for how, count in (("cancel", 1), ("resolve", 1), ("cancel", 2)):
        safe.press()
        safe.end(how)
        assert safe.phone.get(COUNT).json() == {"false_alarms": count}
    safe.press()
    assert safe.phone.get(COUNT).json() == {"false_alarms": 2}


def test_a_cancelled_alert_counts_without_pins_too(twins: tuple[Twin, Twin]) -> None:
    safe, _ = twins
    safe.user.pin.delete()
    safe.press()
    safe.phone.post(f"{URL}{safe.alert}/cancel/")
    assert safe.phone.get(COUNT).json() == {"false_alarms": 1}


def test_an_alert_under_duress_counts_for_the_person_and_not_for_the_operator(
    twins: tuple[Twin, Twin], client: Client
) -> None:
    for twin in twins:
        twin.press()
        twin.end()
    assert alike(twins, lambda twin: twin.phone.get(COUNT)).json() == {"false_alarms": 1}
    client.force_login(User.objects.create_superuser("+996777000001", "operators-password"))
    shown = [
        re.findall(
            r'field-false_alarms">(\d+)<',
            client.get("/admin/alerts/sosalert/", {"q": str(twin.user.pk)}).content.decode(),
        )
        for twin in twins
    ]
    assert shown == [["1"], ["0"]]
    for twin in twins:
        assert client.get(f"/admin/alerts/sosalert/{twin.alert}/change/").status_code == 200


def test_after_duress_the_safe_pin_does_not_make_it_a_false_alarm(twins: tuple[Twin, Twin]) -> None:
    duress = twins[1]
    duress.press()
    duress.end()
    pass_the_hour()
    duress.end(pin=SAFE_PIN)
    assert duress.phone.get(COUNT).json() == {"false_alarms": 1}
    assert SosAlert.objects.get(id=duress.alert).duress_at is not None
