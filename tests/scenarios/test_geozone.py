"""Geozones over real processes: somebody leaves work, and a phone gets one SMS."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.world import World
from tests.world.people import Person

WORK = {"name": "Work", "latitude": 42.8746, "longitude": 74.5698, "radius": 100}
STEP = timedelta(seconds=10)


def at_work_for_a_while(world: World, person: Person) -> str:
    """A zone, and an hour in it."""
    zone = person.post("geozones/", WORK)
    assert zone.status_code == 201, zone.text
    # It has been there for longer than the fixes that follow.
    world.execute(f"UPDATE geo_geozone SET placed_at = now() - interval '2 hours' WHERE id = '{zone.json()['id']}'")
    now = datetime.now(UTC)
    upload(person, [fix(now - STEP * n, 42.8746) for n in range(40, 2, -1)])
    return str(zone.json()["id"])


def fix(at: datetime, latitude: float) -> dict[str, Any]:
    return {"recorded_at": at.isoformat(), "latitude": latitude, "longitude": 74.5698, "accuracy": 8}


def leave(person: Person) -> None:
    """Two fixes, 200 and 400 m away."""
    now = datetime.now(UTC)
    upload(person, [fix(now - STEP, 42.8764), fix(now, 42.8782)])


def upload(person: Person, fixes: list[dict[str, Any]]) -> None:
    answer = person.post("locations/batch/", {"locations": fixes})
    assert (answer.status_code, answer.json()["refused"]) == (201, []), answer.text


def events(person: Person, zone_id: str) -> list[Any]:
    return list(person.get(f"geozones/{zone_id}/events/").json()["results"])


def test_leaving_work_sends_one_sms_within_two_seconds(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    zone_id = at_work_for_a_while(world, aida)

    began = time.time()
    leave(aida)

    [sms] = world.wait_for_arrivals([bek.phone], timeout_s=5)
    # 1.5 s of them the text waits for others to the same phone.
    assert sms.at - began < 2.0
    assert "Aida" in sms.body
    assert "Work" in sms.body
    time.sleep(1)
    assert len(world.arrivals([bek.phone])) == 1
    assert [(event["direction"], event["told"]) for event in events(aida, zone_id)] == [("exit", "told")]
