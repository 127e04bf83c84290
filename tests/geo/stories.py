"""Ana's zone, her way out of it, and the texts to her contacts."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework.test import APIClient

from geo import evaluation
from geo.models import DueEvaluation, GeoZone, ZoneEvent
from messaging.database import clock
from messaging.encryption import decrypt
from messaging.models import Message
from tests.geo.tracks import LATITUDE, LONGITUDE, degrees
from tests.geo.uploads import fix, upload

STEP = timedelta(seconds=10)
CIRCLE = {"name": "Home", "latitude": 42.87, "longitude": 74.57, "radius": 150, "zone_type": "home"}
SQUARE = [[74.5, 42.8], [74.51, 42.8], [74.51, 42.81], [74.5, 42.81], [74.5, 42.8]]
SCHEDULE = {"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "18:00", "time_zone": "Asia/Bishkek"}


def polygon(ring: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "Park", "geometry": {"type": "Polygon", "coordinates": [ring]}} | fields


def make_zone(phone: APIClient, **fields: Any) -> Any:
    """Make a circle of 100 m that has existed for 20 hours."""
    body = {"name": "Work", "latitude": LATITUDE, "longitude": LONGITUDE, "radius": 100} | fields
    answer = phone.post("/api/v1/geozones/", body, format="json")
    assert answer.status_code == 201, answer.data
    GeoZone.objects.filter(id=answer.data["id"]).update(placed_at=clock.now() - timedelta(hours=20))
    return answer.data


def walk(*metres: float, until: datetime | None = None, accuracy: float = 10) -> list[Any]:
    """One fix every 10 s, this many metres east of the zone's centre. The last one is now."""
    last = until or clock.now()
    ages = range(len(metres) - 1, -1, -1)
    offsets = zip(metres, ages, strict=True)
    return [fix(last - STEP * age, *degrees(east, 0), accuracy=accuracy) for east, age in offsets]


LEAVES = (0, 0, 0, 0, 0, 0, 80, 160, 240, 320)


def leave(phone: APIClient, **fields: Any) -> None:
    upload(phone, walk(*LEAVES, **fields))
    evaluate_all()


def evaluate_all() -> int:
    """Evaluate all due people, as the workers would."""
    due: list[UUID] = list(DueEvaluation.objects.values_list("person_id", flat=True))
    return evaluation.evaluate(due)


def texts() -> list[tuple[str, str]]:
    return [(m.address, decrypt(bytes(m.text or b""))) for m in Message.objects.order_by("id")]


def events() -> list[tuple[str, str]]:
    return [(event.direction, event.told) for event in ZoneEvent.objects.order_by("fix_at")]
