from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from geo import zones
from geo.models import Blueprint, GeoZone, ZoneEvent
from identity.models import EmergencyContact, User
from tests.geo.conftest import app
from tests.geo.stories import CIRCLE, SCHEDULE, SQUARE, leave, make_zone, polygon

pytestmark = pytest.mark.django_db
URL = "/api/v1/blueprints/"


def names() -> list[str]:
    return sorted(GeoZone.objects.values_list("name", flat=True))


def save(phone: APIClient, name: str = "Usual") -> Any:
    answer = phone.post(f"{URL}create-from-current/", {"name": name}, format="json")
    assert answer.status_code == 201, answer.data
    return answer.data


def apply(phone: APIClient, blueprint: Any, **body: Any) -> Any:
    return phone.post(f"{URL}{blueprint['id']}/apply/", body, format="json")


def test_saved_zones_come_back_as_they_were(phone: APIClient, aida: EmergencyContact) -> None:
    phone.post("/api/v1/geozones/", CIRCLE | {"contact_ids": [str(aida.id)], "schedule": SCHEDULE}, format="json")
    phone.post("/api/v1/geozones/", polygon(SQUARE), format="json")
    before = phone.get("/api/v1/geozones/").data["results"]
    blueprint = save(phone)
    assert [zone["name"] for zone in blueprint["zones"]] == ["Home", "Park"]
    for zone in before:
        phone.delete(f"/api/v1/geozones/{zone['id']}/")
    report = apply(phone, blueprint)
    assert report.status_code == 200, report.data
    assert [zone["name"] for zone in report.data["added"]] == ["Home", "Park"]
    after = phone.get("/api/v1/geozones/").data["results"]
    own = ("id", "created_at", "updated_at")

    def told(found: Any) -> list[Any]:
        return sorted(([(k, v) for k, v in zone.items() if k not in own] for zone in found), key=str)

    assert told(after) == told(before)


def test_applying_reports_what_it_did_and_a_dry_run_does_nothing(phone: APIClient) -> None:
    for name in ("Home", "Work", "School"):
        make_zone(phone, name=name)
    blueprint = save(phone)
    ids = {zone.name: str(zone.id) for zone in GeoZone.objects.all()}
    phone.delete(f"/api/v1/geozones/{ids['School']}/")
    phone.patch(f"/api/v1/geozones/{ids['Work']}/", {"notify_on_enter": False}, format="json")
    make_zone(phone, name="Gym")
    dry = apply(phone, blueprint, dry_run=True).data
    assert names() == ["Gym", "Home", "Work"]
    wet = apply(phone, blueprint).data
    for report in (dry, wet):
        assert [z["name"] for z in report["added"]] == ["School"]
        assert [(z["name"], z["fields_changed"]) for z in report["changed"]] == [("Work", ["notify_on_enter"])]
        assert [z["name"] for z in report["removed"]] == ["Gym"]
        assert [z["name"] for z in report["unchanged"]] == ["Home"]
    assert (dry["dry_run"], wet["dry_run"]) == (True, False)
    assert names() == ["Home", "School", "Work"]
    assert {zone.name: zone.notify_on_enter for zone in GeoZone.objects.all()}["Work"]
    again = apply(phone, blueprint).data
    assert [len(again[part]) for part in ("added", "changed", "removed", "unchanged")] == [0, 0, 0, 3]


def test_zones_that_stay_keep_their_events(phone: APIClient, aida: EmergencyContact) -> None:
    make_zone(phone)
    blueprint = save(phone)
    leave(phone)
    apply(phone, blueprint)
    assert ZoneEvent.objects.count() == 1


def test_zones_of_one_name_are_paired_by_age(phone: APIClient) -> None:
    for radius in (100, 200):
        make_zone(phone, radius=radius)
    ids = list(GeoZone.objects.order_by("id").values_list("id", "radius_m"))
    assert len(apply(phone, save(phone)).data["unchanged"]) == 2
    assert list(GeoZone.objects.order_by("id").values_list("id", "radius_m")) == ids


def test_it_is_applied_as_a_whole_or_not_at_all(
    phone: APIClient, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    written = [CIRCLE | {"name": f"Zone {number}"} for number in range(3)]
    blueprint = phone.post(URL, {"name": "Three", "zones": written}, format="json").data
    make_zone(phone, name="Zone 1", radius=999)
    make_zone(phone, name="Kept")

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(zones, "changed", fails)
        with pytest.raises(RuntimeError):
            apply(phone, blueprint)
    assert names() == ["Kept", "Zone 1"]
    assert {zone.name: zone.radius_m for zone in GeoZone.objects.all()}["Zone 1"] == 999
    settings.ZONES_PER_PERSON = 2
    assert apply(phone, blueprint).json()["code"] == "too_many_zones"
    assert names() == ["Kept", "Zone 1"]


def test_a_contact_who_is_gone_is_not_brought_back(phone: APIClient, bek: EmergencyContact) -> None:
    make_zone(phone, contact_ids=[str(c.id) for c in EmergencyContact.objects.all()])
    blueprint = save(phone)
    EmergencyContact.objects.exclude(id=bek.id).get().delete()
    assert apply(phone, blueprint).status_code == 200
    assert GeoZone.objects.get().contact_ids == [bek.id]
    assert save(phone)["zones"][0]["contact_ids"] == [str(bek.id)]


def test_it_is_written_changed_and_deleted(phone: APIClient) -> None:
    made = phone.post(URL, {"name": "Trip", "zones": [CIRCLE]}, format="json")
    assert made.status_code == 201, made.data
    url = f"{URL}{made.data['id']}/"
    renamed = phone.patch(url, {"name": "Journey"}, format="json", HTTP_IF_MATCH=made["ETag"])
    assert (renamed.data["name"], len(renamed.data["zones"])) == ("Journey", 1)
    assert phone.patch(url, {"name": "x"}, format="json", HTTP_IF_MATCH=made["ETag"]).status_code == 412
    redrawn = phone.patch(url, {"zones": [polygon(SQUARE)]}, format="json")
    assert redrawn.data["zones"][0]["geometry"]["coordinates"] == [SQUARE]
    assert redrawn.data["zones"][0]["notify_on_exit"] is True
    assert [b["name"] for b in phone.get(URL).data["results"]] == ["Journey"]
    assert phone.patch(url, {"zones": [{"name": "x"}]}, format="json").status_code == 400
    assert phone.delete(url).status_code == 204
    assert phone.get(url).status_code == 404


def test_there_is_a_limit(phone: APIClient, ana: User) -> None:
    for number in range(50):
        save(phone, f"Plan {number}")
    full = phone.post(f"{URL}create-from-current/", {"name": "More"}, format="json")
    assert (full.status_code, full.json()["code"]) == (409, "too_many_blueprints")


def test_wrong_blueprints_are_refused(phone: APIClient) -> None:
    wrong: list[Any] = [{}, {"name": "x"}, {"name": "x", "zones": 5}, {"name": "x", "zones": [5]}]
    for body in [*wrong, {"name": "x", "zones": [CIRCLE | {"radius": 1}]}]:
        assert phone.post(URL, body, format="json").status_code == 400, body
    foreign = CIRCLE | {"contact_ids": [str(UUID(int=1))]}
    assert phone.post(URL, {"name": "x", "zones": [foreign]}, format="json").status_code == 400


def test_another_persons_blueprint_is_absent(phone: APIClient, stranger: User) -> None:
    blueprint = save(phone)
    theirs, url = app(stranger), f"{URL}{blueprint['id']}/"
    assert theirs.get(URL).data["results"] == []
    assert [
        theirs.get(url).status_code,
        theirs.patch(url, {"name": "x"}, format="json").status_code,
        theirs.delete(url).status_code,
        apply(theirs, blueprint).status_code,
    ] == [404] * 4
    assert Blueprint.objects.get().name == "Usual"
