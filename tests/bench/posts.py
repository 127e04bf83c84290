"""SOS POSTs a second, each by another person with five contacts, with everything else running."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from threading import local
from uuid import UUID

import requests
from rest_framework_simplejwt.tokens import AccessToken
from uuid_utils.compat import uuid7

from tests.world import World
from tests.world.people import fresh_number

PEOPLE = 400
CLIENTS = 8
RUNS = 3
_threads = local()


def measure(world: World, *, runs: int = RUNS, people: int = PEOPLE) -> dict[str, object]:
    found = [_press_all(world, people) for _ in range(runs)]
    return {
        f"SOS POSTs/s, {CLIENTS} clients, 5 contacts each: median": round(statistics.median(r[0] for r in found)),
        "SOS POST, ms: median": round(statistics.median(r[1] for r in found), 1),
        "SOS POST, ms: 99th percentile": round(statistics.median(r[2] for r in found), 1),
    }


def _press_all(world: World, count: int) -> tuple[float, float, float]:
    world.settle()
    world.pace(0)
    world.sandbox.behave(callbacks=False)
    people = _people(world, count)
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        took = sorted(clients.map(lambda person: _press(world, person), people))
    elapsed = time.perf_counter() - started
    return count / elapsed, statistics.median(took) * 1000, took[int(len(took) * 0.99)] * 1000


def _press(world: World, person: UUID) -> float:
    if not hasattr(_threads, "session"):
        _threads.session = requests.Session()
    token = AccessToken()
    token["user_id"] = str(person)
    started = time.perf_counter()
    answer = _threads.session.post(
        f"{world.url}/api/v1/sos-alerts/",
        json={"latitude": 42.8746, "longitude": 74.5698},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    took = time.perf_counter() - started
    assert answer.status_code == 201, answer.text
    return took


def _people(world: World, count: int) -> list[UUID]:
    """People with five contacts each, written straight into the tables: registering them is not measured here."""
    people = [uuid7() for _ in range(count)]
    world.execute(
        "INSERT INTO identity_user (id, password, phone_number, first_name, last_name, language, is_active, is_staff,"
        " is_superuser, date_joined, updated_at)"
        " SELECT id, '', phone, 'Aida', 'Asanova', 'en', true, false, false, now(), now()"
        " FROM unnest(%s::uuid[], %s::text[]) AS p (id, phone)",
        people,
        [fresh_number() for _ in people],
    )
    world.execute(
        'INSERT INTO identity_emergencycontact (id, user_id, name, phone_number, relation, language, "order",'
        " created_at, updated_at)"
        " SELECT gen_random_uuid(), owner, 'Contact', phone, '', 'en', place, now(), now()"
        " FROM unnest(%s::uuid[], %s::text[], %s::int[]) AS c (owner, phone, place)",
        [person for person in people for _ in range(5)],
        [fresh_number() for _ in range(count * 5)],
        [place for _ in people for place in range(5)],
    )
    return people
