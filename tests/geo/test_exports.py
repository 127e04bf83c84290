import json
from typing import Any
from xml.etree import ElementTree

import pytest
from rest_framework.test import APIClient

from geo import policy
from identity.models import User
from tests.geo.conftest import app
from tests.geo.uploads import trail, upload

pytestmark = pytest.mark.django_db
GPX = {"g": "http://www.topografix.com/GPX/1/1"}


def _text(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_gpx_has_a_segment_for_each_track(phone: APIClient) -> None:
    fixes = trail(6)
    for number, one in enumerate(fixes):
        one |= {"track_id": "018f0000-0000-7000-8000-00000000000" + ("1" if number < 4 else "2"), "altitude": 800}
    upload(phone, fixes)
    answer = phone.get("/api/v1/locations/gpx/")
    assert answer["Content-Type"] == "application/gpx+xml"
    root = ElementTree.fromstring(_text(answer))
    assert [len(segment) for segment in root.iterfind("g:trk/g:trkseg", GPX)] == [4, 2]
    first = root.find("g:trk/g:trkseg/g:trkpt", GPX)
    assert first is not None
    assert (first.get("lat"), first.get("lon")) == ("42.8746", "74.5698")
    assert first.findtext("g:ele", namespaces=GPX) == "800.0"
    assert first.findtext("g:time", namespaces=GPX) == fixes[0]["recorded_at"].replace("+00:00", "Z")


def test_geojson_has_a_point_for_each_fix(phone: APIClient) -> None:
    fixes = trail(3)
    upload(phone, fixes)
    collection = json.loads(_text(phone.get("/api/v1/locations/geojson/")))
    assert [f["properties"]["id"] for f in collection["features"]] == [f["id"] for f in fixes]
    assert collection["features"][0]["geometry"] == {"type": "Point", "coordinates": [74.5698, 42.8746]}
    some = json.loads(_text(phone.get("/api/v1/locations/geojson/", {"since": fixes[1]["recorded_at"]})))
    assert len(some["features"]) == 2


def test_an_empty_history_is_an_empty_file(phone: APIClient) -> None:
    assert json.loads(_text(phone.get("/api/v1/locations/geojson/")))["features"] == []
    assert len(ElementTree.fromstring(_text(phone.get("/api/v1/locations/gpx/")))) == 1


def test_an_export_goes_on_over_pages_and_ends_at_its_limit(phone: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "MAX_PAGE", 4)
    monkeypatch.setattr(policy, "MAX_EXPORT", 10)
    fixes = trail(15)
    upload(phone, fixes)
    collection = json.loads(_text(phone.get("/api/v1/locations/geojson/")))
    assert [f["properties"]["id"] for f in collection["features"]] == [f["id"] for f in fixes[:10]]


def test_wrong_questions_and_strangers(phone: APIClient, stranger: User) -> None:
    upload(phone, trail(2))
    assert phone.get("/api/v1/locations/gpx/", {"bbox": "1"}).status_code == 400
    assert json.loads(_text(app(stranger).get("/api/v1/locations/geojson/")))["features"] == []
