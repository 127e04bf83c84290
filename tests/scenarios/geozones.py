"""Somebody at work who leaves: the uploads of their phone, and the zone's events as the API shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.world import Person, World

WORK = {"name": "Work", "latitude": 42.8746, "longitude": 74.5698, "radius": 100}
STEP = timedelta(seconds=10)


def be_at_work(world: World, person: Person) -> str:
    """Make a zone around the person's work and upload a fix every 10 s from it, the last 30 s ago; returns its id."""
    zone = person.post("geozones/", WORK)
    assert zone.status_code == 201, zone.text
    zone_id = str(zone.json()["id"])
    world.make_zone_older(zone_id, hours=2)
    be_there(person)
    return zone_id


def be_there(person: Person) -> None:
    """Upload a fix every 10 s from the zone, the last 30 s ago."""
    now = datetime.now(UTC)
    _upload(person, [_fix(now - STEP * n, 42.8746) for n in range(40, 2, -1)])


def leave(person: Person) -> None:
    """Upload two fixes, 200 and 400 m away."""
    now = datetime.now(UTC)
    _upload(person, [_fix(now - STEP, 42.8764), _fix(now, 42.8782)])


def events(person: Person, zone_id: str) -> list[Any]:
    return list(person.get(f"geozones/{zone_id}/events/").json()["results"])


def _fix(at: datetime, latitude: float) -> dict[str, Any]:
    return {"recorded_at": at.isoformat(), "latitude": latitude, "longitude": 74.5698, "accuracy": 8}


def _upload(person: Person, fixes: list[dict[str, Any]]) -> None:
    answer = person.post("locations/batch/", {"locations": fixes})
    assert (answer.status_code, answer.json()["refused"]) == (201, []), answer.text
