from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from geo.models import DueEvaluation, GeoZone, ZoneEvent
from identity.consent_models import ConsentHow
from identity.contacts import consent
from identity.models import EmergencyContact, User
from messaging import policy
from messaging.database import clock
from messaging.models import Message, MessageClass
from tests.geo.conftest import app
from tests.geo.stories import LEAVES, evaluate_all, events, leave, make_zone, texts, walk
from tests.geo.uploads import history, upload

pytestmark = pytest.mark.django_db
AIDA, BEK = "+996700100000", "+996700100001"
ANA = "Ana Asanova (+996555123456)"


def _decline(contact: EmergencyContact) -> None:
    consent.decline(
        person_id=contact.user_id,
        phone_number=str(contact.phone_number),
        how=ConsentHow.PAGE,
        language="en",
        now=clock.now(),
    )


def test_leaving_a_zone_tells_its_contacts_in_their_languages(phone: APIClient, bek: EmergencyContact) -> None:
    make_zone(phone)
    leave(phone)
    assert texts() == [(AIDA, f"AlertMe: {ANA} left: Work."), (BEK, f"AlertMe: {ANA} вне зоны: Work.")]
    for message in Message.objects.all():
        assert message.message_class == MessageClass.SAFETY
        assert message.deadline_at - message.queued_at == timedelta(minutes=15)


def test_an_event_says_what_decided_it(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    fixes = walk(*LEAVES)
    upload(phone, fixes)
    evaluate_all()
    [event] = phone.get(f"/api/v1/geozones/{zone['id']}/events/").data["results"]
    assert (event["direction"], event["told"], event["contacts_told"]) == ("exit", "told", 1)
    assert event["rule"] in ("evidence", "crossing")
    assert event["distance"] > event["margin"] > 0
    assert event["fix"]["id"] in [f["id"] for f in fixes[7:10]]
    assert fixes[5]["recorded_at"] <= event["crossed_at"].replace("Z", "+00:00") <= fixes[8]["recorded_at"]
    assert event["fix"]["accuracy"] == 10
    assert ZoneEvent.objects.get().message_ids == [Message.objects.get().id]


def test_the_first_fixes_are_the_baseline(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*[500] * 10))
    evaluate_all()
    assert events() == []
    assert not DueEvaluation.objects.exists()


def test_coming_back_is_told_too_and_coalesced(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*LEAVES, *reversed(LEAVES)))
    evaluate_all()
    assert events() == [("exit", "told"), ("enter", "told")]
    assert texts() == [(AIDA, f"AlertMe: {ANA} left: Work.\nAlertMe: {ANA} arrived: Work.")]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"notify_on_exit": False}, "not_wanted"),
        ({"contact_ids": []}, "no_contacts"),
        ({"schedule": "yesterday"}, "outside_schedule"),
    ],
)
def test_what_is_not_told_is_kept_with_the_reason(
    phone: APIClient, aida: EmergencyContact, fields: dict[str, Any], told: str
) -> None:
    if "schedule" in fields:
        day = (clock.now() - timedelta(days=2)).isoweekday()
        fields = {"schedule": {"days": [day], "from": "00:00", "to": "00:00", "time_zone": "UTC"}}
    make_zone(phone, **fields)
    leave(phone)
    assert events() == [("exit", told)]
    assert texts() == []


def test_only_the_chosen_contacts_are_told(phone: APIClient, bek: EmergencyContact) -> None:
    make_zone(phone, contact_ids=[str(bek.id)])
    leave(phone)
    assert [address for address, _ in texts()] == [BEK]


def test_who_has_declined_is_told_of_no_zone(phone: APIClient, aida: EmergencyContact, bek: EmergencyContact) -> None:
    _decline(aida)
    make_zone(phone)
    leave(phone)
    assert [address for address, _ in texts()] == [BEK]


def test_a_zone_whose_chosen_contact_has_declined_tells_nobody(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone, contact_ids=[str(aida.id)])
    _decline(aida)
    leave(phone)
    assert events() == [("exit", "no_contacts")]
    assert texts() == []


def test_a_zone_that_is_switched_off_sees_nothing(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone, is_active=False)
    leave(phone)
    assert events() == []


def test_fixes_from_before_the_zone_say_nothing_about_it(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    GeoZone.objects.update(placed_at=clock.now())
    leave(phone)
    assert events() == []


def test_an_hour_offline_is_history_and_texts_nobody(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    leave(phone, until=clock.now() - timedelta(hours=1))
    assert events() == [("exit", "late")]
    assert texts() == []
    assert len(history(phone)) == len(LEAVES)


def test_fixes_that_come_after_later_ones_change_nothing(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    upload(phone, walk(*[0] * 10))
    evaluate_all()
    upload(phone, walk(*LEAVES, until=clock.now() - timedelta(minutes=3)))
    evaluate_all()
    assert events() == []
    assert len(history(phone)) == 20


def test_a_zone_that_is_moved_begins_anew(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    upload(phone, walk(*[0] * 6, until=clock.now() - timedelta(minutes=1)))
    evaluate_all()
    moved = phone.patch(
        f"/api/v1/geozones/{zone['id']}/", {"latitude": 10.0, "longitude": 10.0, "radius": 50}, format="json"
    )
    assert moved.status_code == 200
    upload(phone, walk(0, 0, until=clock.now() + timedelta(seconds=10)))
    evaluate_all()
    assert events() == []


def test_changed_zones_are_seen_at_once_though_cached(phone: APIClient, aida: EmergencyContact) -> None:
    zone = make_zone(phone)
    upload(phone, walk(*[0] * 6, until=clock.now() - timedelta(minutes=2)))
    evaluate_all()
    phone.patch(f"/api/v1/geozones/{zone['id']}/", {"name": "Office"}, format="json")
    upload(phone, walk(0, 80, 160, 240, 320))
    evaluate_all()
    assert texts() == [(AIDA, f"AlertMe: {ANA} left: Office.")]


def test_texts_fit_one_segment(phone: APIClient, ana: User, bek: EmergencyContact) -> None:
    ana.first_name, ana.last_name = "Ж" * 50, "Щ" * 50
    ana.save()
    EmergencyContact.objects.create(user=ana, name="K", phone_number="+996700100002", language="ky", order=2)
    make_zone(phone, name="Ы" * 100)
    leave(phone)
    for message in Message.objects.all():
        assert message.segments == 1, message.language
    assert len(texts()) == 3
    assert policy.COALESCED_SEGMENTS == 3


def test_the_person_sees_where_they_are_and_since_when(phone: APIClient, aida: EmergencyContact) -> None:
    work, town = make_zone(phone), make_zone(phone, name="Town", radius=1_000)
    assert (work["presence"]["state"], work["presence"]["since"]) == ("unknown", None)
    fixes = walk(*LEAVES)
    upload(phone, fixes)
    evaluate_all()
    shown = {zone["name"]: zone["presence"] for zone in phone.get("/api/v1/geozones/").data["results"]}
    left = phone.get(f"/api/v1/geozones/{work['id']}/events/").data["results"][0]["fix"]["recorded_at"]
    assert shown["Work"]["state"] == "outside"
    assert datetime.fromisoformat(shown["Work"]["since"]) == datetime.fromisoformat(left)
    assert datetime.fromisoformat(shown["Work"]["as_of"]) == datetime.fromisoformat(fixes[-1]["recorded_at"])
    assert shown["Town"]["state"] == "inside"
    assert datetime.fromisoformat(shown["Town"]["since"]) < datetime.fromisoformat(left)
    # After a move nothing is known.
    url = f"/api/v1/geozones/{town['id']}/"
    assert phone.get(url).data["presence"] == shown["Town"]
    elsewhere = {"latitude": 42.0, "longitude": 74.0, "radius": 100}
    assert phone.patch(url, elsewhere, format="json").data["presence"]["state"] == "unknown"


def test_events_outlive_their_zone(phone: APIClient, aida: EmergencyContact, stranger: User) -> None:
    zone = make_zone(phone)
    leave(phone)
    url = f"/api/v1/geozones/{zone['id']}/"
    phone.patch(url, {"name": "Old work"}, format="json")
    assert phone.delete(url).status_code == 204
    assert phone.get(url).status_code == 404
    for path in (f"{url}events/", "/api/v1/geozones/events/"):
        [event] = phone.get(path).data["results"]
        assert (event["zone_id"], event["zone_name"], event["direction"]) == (zone["id"], "Work", "exit")
    theirs = app(stranger)
    assert theirs.get(f"{url}events/").status_code == 404
    assert theirs.get("/api/v1/geozones/events/").data["results"] == []
    aida.user.delete()
    assert not ZoneEvent.objects.exists()
