"""The duress PIN only seems to weaken protection: contacts are warned, and nothing was taken from them."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from alerts.models import ActivityTimer, EscalationStep, KeptPolicy, SosAlert, StepKind
from alerts.timers import expiry
from geo.models import GeoZone
from geo.zones import locked
from geo.zonesets import active_zones
from identity.devices import credentials
from identity.models import EmergencyContact
from messaging.database import clock
from messaging.models import Message, OperatorAlarm
from messaging.states import State
from tests.alerts.engine import drive, text_of, token_in
from tests.alerts.sos.twins import Twin
from tests.alerts.typed import pass_the_hour
from tests.security.weakened import API, NAMES, WEAKENING, Asked, Twins, ask, belonging_twins

pytestmark = pytest.mark.django_db


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Twins:
    return belonging_twins(monkeypatch)


BY_NAME = {each.name: each for each in WEAKENING}


def do(twin: Twin, name: str) -> None:
    assert ask(twin, BY_NAME[name], twin.pin).status_code in (200, 204)


def texts_to(twin: Twin, place: int) -> list[str]:
    number = f"{str(twin.user.phone_number)[:-3]}{place:03}"
    return [text_of(message) for message in Message.objects.filter(address=number).order_by("id") if message.text]


def silent_alerts(twin: Twin) -> list[SosAlert]:
    return list(SosAlert.objects.filter(owner=twin.user, is_silent=True).order_by("id"))


@pytest.mark.parametrize("asked", WEAKENING, ids=NAMES)
def test_the_contacts_are_warned_whatever_it_is_typed_for(twins: Twins, asked: Asked) -> None:
    """Found: silence. Now one SMS to each contact with their own link, and one alarm of the operator."""
    safe, duress = twins
    for twin in twins:
        ask(twin, asked, twin.pin)
        ask(twin, asked, twin.pin)
    for place in range(3):
        [warning] = [text for text in texts_to(duress, place) if "threat" in text]
        assert warning.startswith("Ana Asanova is under threat! Do not call them.")
        assert not [text for text in texts_to(safe, place) if "threat" in text]
    assert not silent_alerts(safe)
    [alert] = silent_alerts(duress)
    assert OperatorAlarm.objects.filter(code="duress").count() == 1
    assert alert.steps.filter(kind=StepKind.CALL).exists()


def test_a_contact_who_is_the_danger_is_not_warned(twins: Twins) -> None:
    _, duress = twins
    EmergencyContact.objects.filter(user=duress.user, order=0).update(tell_of_duress=False)
    do(duress, "post timers/{timer_id}/cancel/")
    assert [len(texts_to(duress, place)) for place in range(3)] == [0, 1, 1]


def test_the_other_pin_within_the_hour_still_warns(twins: Twins) -> None:
    """The safe PIN was accepted for the timer, so the duress PIN is wrong there; it is a cry for help all the same."""
    safe, _ = twins
    do(safe, "post timers/{timer_id}/check-in/")
    refused = ask(safe, BY_NAME["post timers/{timer_id}/cancel/"], safe.other_pin)
    assert refused.json()["code"] == "pin_wrong"
    assert len(silent_alerts(safe)) == 1


def test_the_warning_opens_a_page(twins: Twins) -> None:
    _, duress = twins
    do(duress, "post timers/{timer_id}/cancel/")
    warning = Message.objects.get(address=f"{str(duress.user.phone_number)[:-3]}000")
    page = APIClient().get(f"/a/{token_in(warning)}")
    assert page.status_code == 200
    assert "threat" in page.content.decode()


# Timers


@pytest.mark.parametrize("how", ["cancel", "complete", "extend", "check-in"])
def test_the_timer_still_fires(twins: Twins, how: str) -> None:
    safe, duress = twins
    for twin in twins:
        twin.phone.post(f"{API}timers/{twin.ids['timer_id']}/heartbeat/", {"battery": 7} | _HERE, format="json")
        do(twin, f"post timers/{{timer_id}}/{how}/")
    ends_at = ActivityTimer.objects.get(kept_of=duress.ids["timer_id"]).ends_at
    assert timedelta(0) < ends_at - clock.now() <= timedelta(hours=1)
    ActivityTimer.objects.filter(due_at__lte=ends_at).update(due_at=clock.now())
    assert expiry.check() == 1
    assert not silent_alerts(safe)
    fired = silent_alerts(duress)[-1]
    assert (fired.kind, fired.latitude, fired.status) == ("missed_check_in", _HERE["latitude"], "active")
    assert [len([text for text in texts_to(duress, place) if "threat" in text]) for place in range(3)] == [2, 2, 2]
    assert duress.phone.get(f"{API}sos-alerts/").json()["results"] == []


_HERE = {"latitude": 42.91, "longitude": 74.61}


def test_heartbeats_after_a_feigned_extension_reach_the_contacts(twins: Twins) -> None:
    duress = twins[1]
    do(duress, "post timers/{timer_id}/extend/")
    duress.phone.post(f"{API}timers/{duress.ids['timer_id']}/heartbeat/", {"battery": 3} | _HERE, format="json")
    ActivityTimer.objects.exclude(kept_of=None).update(due_at=clock.now())
    assert expiry.check() == 1
    fired = silent_alerts(duress)[-1]
    assert (fired.latitude, fired.events.get(kind="check_in_missed").data["battery"]) == (_HERE["latitude"], 3)


def test_the_owner_gets_no_nudge_from_a_timer_that_seems_ended(twins: Twins) -> None:
    _, duress = twins
    do(duress, "post timers/{timer_id}/cancel/")
    ActivityTimer.objects.exclude(nudge_at=None).update(nudge_at=clock.now())
    expiry.check()
    assert not Message.objects.filter(address=str(duress.user.phone_number)).exists()


# Contacts


@pytest.mark.parametrize("name", ["delete me/contacts/{contact_id}/", "patch me/contacts/{contact_id}/"])
def test_the_contact_is_still_told_and_not_listed(twins: Twins, name: str) -> None:
    safe, duress = twins
    for twin in twins:
        do(twin, name)
    shown = [twin.press().json() for twin in twins]
    for twin, alert in zip(twins, shown, strict=True):
        assert all(contact["phone_number"] != _number(twin, 1) for contact in alert["contacts"])
    assert texts_to(safe, 1) == [f"AlertMe: Ana Asanova ({safe.user.phone_number}) removed you as a contact."]
    assert ["threat" in text for text in texts_to(duress, 1)] == [True, True]
    beside = silent_alerts(duress)[-1]
    assert str(beside.beside) == duress.alert
    for twin in twins:
        [own] = [text_of(m) for m in Message.objects.filter(address=str(twin.user.phone_number))]
        assert own == f"AlertMe: Bek ({_number(twin, 1)}) is no longer your contact."


def _number(twin: Twin, place: int) -> str:
    return f"{str(twin.user.phone_number)[:-3]}{place:03}"


def test_the_danger_is_removed_and_told_so(twins: Twins) -> None:
    """A contact who is not told of duress sees what the devices show: an accomplice learns nothing."""
    _, duress = twins
    EmergencyContact.objects.filter(user=duress.user, order=1).update(tell_of_duress=False)
    do(duress, "delete me/contacts/{contact_id}/")
    assert not EmergencyContact.every.filter(phone_number=_number(duress, 1)).exists()
    [farewell] = texts_to(duress, 1)
    assert "removed you as a contact" in farewell
    duress.press()
    assert len(texts_to(duress, 1)) == 1


def test_a_number_that_was_put_in_under_duress_is_not_warned_of_it(twins: Twins) -> None:
    """The coercer's own number gets every visible SOS, as after the safe PIN, and no word of duress."""
    _, duress = twins
    do(duress, "patch me/contacts/{contact_id}/")
    duress.press()
    assert duress.end().status_code == 200
    texts = [text_of(m) for m in Message.objects.filter(address="+996700123123", text__isnull=False)]
    assert texts
    assert not any("threat" in text for text in texts)


def test_added_again_the_contact_is_told_once(twins: Twins) -> None:
    _, duress = twins
    do(duress, "delete me/contacts/{contact_id}/")
    body = {"name": "Bek", "phone_number": _number(duress, 1)}
    assert duress.phone.post(f"{API}me/contacts/", body, format="json").status_code == 201
    assert not EmergencyContact.every.filter(user=duress.user, is_kept=True).exists()


# Devices


def test_the_credential_still_raises_an_sos(twins: Twins) -> None:
    duress = twins[1]
    for twin in twins:
        do(twin, "delete me/devices/{device_id}/")
    answers = [_press_by_device(twin) for twin in twins]
    assert [answer.status_code for answer in answers] == [401, 200]
    assert answers[1].json()["status"] == "active"
    [alert] = silent_alerts(duress)
    assert (str(alert.id), alert.latitude) == (answers[1].json()["id"], _HERE["latitude"])
    assert duress.phone.get(f"{API}sos-alerts/").json()["results"] == []


def test_signing_the_session_out_revokes_it_for_good(twins: Twins) -> None:
    _, duress = twins
    do(duress, "delete me/devices/{device_id}/")
    credentials.revoke_all(duress.user.id, now=clock.now())
    assert _press_by_device(duress).status_code == 401


def _press_by_device(twin: Twin) -> Any:
    return APIClient().post(
        f"{API}sos-alerts/", _HERE, format="json", headers={"X-SOS-Credential": twin.ids["credential"]}
    )


# Policy and zones


@pytest.mark.parametrize("method", ["put", "delete"])
def test_silent_alerts_follow_the_policy_of_before(twins: Twins, method: str) -> None:
    _, duress = twins
    do(duress, f"{method} me/escalation-policy/")
    duress.press()
    calls = EscalationStep.objects.filter(kind=StepKind.CALL, round=0)
    shown, beside = SosAlert.objects.get(id=duress.alert), silent_alerts(duress)[-1]
    assert min(calls.filter(alert=beside).values_list("due_at", flat=True)) - beside.created_at == timedelta(seconds=5)
    assert min(calls.filter(alert=shown).values_list("due_at", flat=True)) - shown.created_at > timedelta(seconds=50)


@pytest.mark.parametrize(
    "name", ["patch geozones/{zone_id}/", "delete geozones/{zone_id}/", "post blueprints/{blueprint_id}/apply/"]
)
def test_the_zone_still_tells(twins: Twins, name: str) -> None:
    duress = twins[1]
    for twin in twins:
        do(twin, name)
    active = [list(active_zones([locked(twin.user.id)])[twin.user.id]) for twin in twins]
    assert active[0] == []
    assert [(zone.name, zone.is_kept) for zone in active[1]] == [("Home", True)]
    assert not GeoZone.objects.filter(owner=duress.user, is_active=True).exists()


def test_a_stricter_change_needs_no_pin(twins: Twins) -> None:
    safe, _ = twins
    zone = f"{API}geozones/{safe.ids['zone_id']}/"
    for body in ({"name": "House"}, {"notify_on_enter": True, "schedule": None}, {"zone_type": "home"}):
        assert safe.phone.patch(zone, body, format="json").status_code == 200
    waves: list[Any] = [
        {"channel": channel, "wait_s": 1, "contacts": []} for channel in ("voice", "sms", "voice", "voice")
    ]
    policy = {"waves": waves, "give_up_after_s": 30}
    assert safe.phone.put(f"{API}me/escalation-policy/", policy, format="json").status_code == 200
    new = safe.phone.post(f"{API}timers/", {"duration_s": 3600}, format="json").json()
    for move in (("extend", {"duration_s": 1800}), ("check-in", {}), ("extend", {"duration_s": 1800})):
        assert safe.phone.post(f"{API}timers/{new['id']}/{move[0]}/", move[1], format="json").status_code == 200
    refused = safe.phone.post(f"{API}timers/{new['id']}/extend/", {"duration_s": 1800}, format="json")
    assert refused.json()["code"] == "pin_required"


# The end


def test_the_safe_pin_an_hour_later_makes_it_true(twins: Twins) -> None:
    """The coercer is gone: contacts get the all-clear, and all is as the devices show."""
    duress = twins[1]
    for name in ("post timers/{timer_id}/cancel/", "delete me/contacts/{contact_id}/", "delete geozones/{zone_id}/"):
        do(duress, name)
    do(duress, "put me/escalation-policy/")
    do(duress, "delete me/devices/{device_id}/")
    for message in Message.objects.filter(error_code=""):
        drive(message, State.DELIVERED)
    order = BY_NAME["put me/contacts/order/"]
    assert ask(duress, order, duress.other_pin).status_code == 200
    assert silent_alerts(duress)[0].ended_at is None
    pass_the_hour()
    assert ask(duress, order, duress.other_pin).status_code == 200
    assert [alert.status for alert in silent_alerts(duress)] == ["resolved"]
    assert texts_to(duress, 0)[-1] == f"Ana Asanova ({duress.user.phone_number}) is safe. The alert has ended."
    assert set(texts_to(duress, 1)[-2:]) == {
        f"AlertMe: Ana Asanova ({duress.user.phone_number}) removed you as a contact.",
        f"Ana Asanova ({duress.user.phone_number}) is safe. The alert has ended.",
    }
    assert not ActivityTimer.objects.exclude(kept_of=None).exists()
    assert not KeptPolicy.objects.exists()
    assert _press_by_device(duress).status_code == 401
    assert list(active_zones([locked(duress.user.id)])[duress.user.id]) == []
    assert not EmergencyContact.every.filter(is_kept=True).exists()
