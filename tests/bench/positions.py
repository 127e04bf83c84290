"""Positions: fixes a second over HTTP until stored and until evaluated, and the cost of a zone check."""

import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests

from deploy.local.processes import wait_until
from geo import shapes
from geo.nearness import Surroundings, ZoneState
from geo.presence import Presence
from geo.track import Track, TrackFix
from tests.bench.contenders import Ours
from tests.bench.rows import Figures
from tests.world.crowd import Presser

BATCH, CLIENTS, RUNS = 1_000, 4, 3
LATITUDE, LONGITUDE = 42.8746, 74.5698
Places = list[tuple[float, float, float]]


def measure(ours: Ours, *, runs: int = RUNS, batches: int = 40, singles: int = 600, checked: int = 3_000) -> Figures:
    found: Figures = {}
    with ours.running(pace=0, processes=1):
        for zones in (10, 100):
            taken = [upload(ours, zones=zones, batches=batches) for _ in range(runs)]
            found[f"fixes/s stored, batches of 1,000, {zones} zones"] = round(statistics.median(t[0] for t in taken))
            found[f"fixes/s evaluated, batches, {zones} zones"] = round(statistics.median(t[1] for t in taken))
            single = [_post_singly(ours, zones=zones, count=singles) for _ in range(runs)]
            found[f"fixes/s, single posts, {zones} zones"] = round(statistics.median(single))
    for count in (1, 20, 100):
        found[f"zone check, µs a fix, {count} zones"] = round(check_us(city(count), way(checked)), 1)
    return found


def city(count: int) -> Places:
    """This many circles (latitude, longitude, radius in m) over 20 km."""
    chance = random.Random(count)
    return [
        (
            LATITUDE + chance.uniform(-0.1, 0.1),
            LONGITUDE + chance.uniform(-0.1, 0.1),
            chance.choice([100.0, 200.0, 500.0]),
        )
        for _ in range(count)
    ]


def way(count: int) -> list[tuple[float, float]]:
    """A drive through the circles, a fix every 10 s at 10 m/s."""
    return [
        (LATITUDE + 0.0005 * ((n // 200) % 20), LONGITUDE - 0.1 + 0.001 * abs(n % 200 - 100) * 2) for n in range(count)
    ]


def check_us(zones: Places, fixes: Sequence[tuple[float, float]]) -> float:
    """Microseconds of processor time that presence takes for a fix, without the database."""
    areas = [shapes.circle(latitude=a, longitude=b, radius_m=r) for a, b, r in zones]
    surroundings = Surroundings([ZoneState(area, Presence(), 0.0) for area in areas])
    track = Track()
    started = time.process_time()
    for number, (latitude, longitude) in enumerate(fixes):
        if track.take(TrackFix.reported(at=number * 10.0, position=shapes.point(latitude, longitude), accuracy_m=10)):
            list(surroundings.decide(track))
    return (time.process_time() - started) / len(fixes) * 1e6


def _people(ours: Ours, count: int, *, zones: int) -> list[Presser]:
    """This many people, each with this many zones."""
    people = Presser.with_contacts(ours.world, [["+996700000000"]] * count)
    places = (list(column) for column in zip(*city(zones), strict=True))
    ids = [person.person for person in people]
    ours.world.execute(
        "INSERT INTO geo_geozone (id, owner_id, name, zone_type, shape, latitude, longitude, radius_m, notify_on_enter,"
        " notify_on_exit, is_active, version, placed_at, created_at, updated_at)"
        " SELECT gen_random_uuid(), person, 'Zone', 'other', 'circle', latitude, longitude, radius, false, false, true,"
        " 1, now() - interval '2 days', now(), now() FROM unnest(%s::uuid[]) AS person,"
        " unnest(%s::float8[], %s::float8[], %s::float8[]) AS z (latitude, longitude, radius)",
        ids,
        *places,
    )
    ours.world.execute(
        "INSERT INTO geo_whereabouts (person_id, state, clock_behind_s) SELECT person, '{}', 0"
        " FROM unnest(%s::uuid[]) AS person",
        ids,
    )
    return people


def _fixes(count: int) -> list[dict[str, Any]]:
    last = datetime.now(UTC)
    return [
        {
            "id": str(uuid4()),
            "recorded_at": (last - timedelta(seconds=10 * (count - n))).isoformat(),
            "latitude": latitude,
            "longitude": longitude,
            "accuracy": 10,
            "speed": 10.5,
            "battery": 80,
        }
        for n, (latitude, longitude) in enumerate(way(count))
    ]


def upload(ours: Ours, *, zones: int, batches: int) -> tuple[float, float]:
    """Fixes a second until all are stored, and until all are evaluated, in one batch for each person."""
    people = _people(ours, batches, zones=zones)
    bodies = [{"locations": _fixes(BATCH)} for _ in people]
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda pair: _post(pair[0], "locations/batch/", pair[1]), zip(people, bodies, strict=True)))
    stored = time.perf_counter() - started
    assert wait_until(lambda: _is_evaluated(ours), timeout_s=120, every_s=0.02)
    return BATCH * batches / stored, BATCH * batches / (time.perf_counter() - started)


def _post_singly(ours: Ours, *, zones: int, count: int) -> float:
    """Fixes a second until all are evaluated, each posted alone: four for each person, from CLIENTS connections."""
    people = _people(ours, count // 4, zones=zones)
    fixes = _fixes(count)
    sessions = [requests.Session() for _ in range(CLIENTS)]
    started = time.perf_counter()

    def post_from(client: int) -> None:
        for n in range(client, count, CLIENTS):
            _post(people[n % len(people)], "locations/", fixes[n], connection=sessions[client])

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(post_from, range(CLIENTS)))
    assert wait_until(lambda: _is_evaluated(ours), timeout_s=60, every_s=0.02)
    return count / (time.perf_counter() - started)


def _post(person: Presser, path: str, body: dict[str, Any], *, connection: requests.Session | None = None) -> None:
    url = f"{person.world.url}/api/v1/{path}"
    # A phone has a connection of its own. With one for each person the client would work harder than the server.
    answer = (connection or person.session).post(url, json=body, headers=person.session.headers, timeout=60)
    assert answer.status_code == 201, answer.text


def _is_evaluated(ours: Ours) -> bool:
    return not ours.world.rows("SELECT 1 FROM geo_dueevaluation LIMIT 1")
