import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from geo import partitions
from geo.models import Fix
from identity.models import User
from messaging.database import clock
from tests.geo.stories import evaluate_all, make_zone
from tests.geo.uploads import fix, history, trail, upload

pytestmark = pytest.mark.django_db
KEPT = timedelta(days=90)


def test_pages_show_each_fix_once_newest_first(phone: APIClient) -> None:
    now = clock.now()
    fixes = trail(25) + [fix(now - timedelta(hours=1)) for _ in range(4)]  # Four at the same moment.
    upload(phone, fixes)
    shown = history(phone, page_size=7)
    assert len(shown) == 29
    assert {f["id"] for f in shown} == {f["id"] for f in fixes}
    assert [f["recorded_at"] for f in shown] == sorted((f["recorded_at"] for f in shown), reverse=True)


def test_a_range_of_time(phone: APIClient) -> None:
    fixes = trail(10)
    upload(phone, fixes)
    shown = history(phone, since=fixes[3]["recorded_at"], until=fixes[6]["recorded_at"])
    assert [f["id"] for f in shown] == [f["id"] for f in reversed(fixes[3:6])]


def test_a_box_also_across_the_antimeridian(phone: APIClient) -> None:
    now = clock.now()
    places = {"fiji": (-17.0, 179.5), "samoa": (-17.0, -179.5), "bishkek": (42.87, 74.57)}
    ids = {}
    for minute, (name, (latitude, longitude)) in enumerate(places.items()):
        one = fix(now - timedelta(minutes=minute), latitude, longitude)
        ids[one["id"]] = name
        upload(phone, [one])

    def within(box: str, **query: Any) -> list[str]:
        return [ids[f["id"]] for f in history(phone, bbox=box, **query)]

    queries: list[dict[str, int]] = [{}, {"every_s": 1}]
    for query in queries:
        assert within("179,-20,-179,-10", **query) == ["fiji", "samoa"]
        assert within("-180,-20,180,-10", **query) == ["fiji", "samoa"]
        assert within("74,42,75,43", **query) == ["bishkek"]
        assert within("-10,-20,10,-10", **query) == []


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seconds=st.lists(st.integers(0, 600), min_size=1, max_size=40, unique=True),
    every_s=st.sampled_from([1, 7, 60, 86_400]),
    page_size=st.integers(1, 5),
)
def test_thinned_history_is_the_newest_of_each_interval(
    phone: APIClient, seconds: list[int], every_s: int, page_size: int
) -> None:
    Fix.objects.all().delete()
    begin = clock.now() - timedelta(hours=1)
    fixes = sorted((fix(begin + timedelta(seconds=s)) for s in seconds), key=lambda f: str(f["recorded_at"]))
    upload(phone, fixes)
    newest = {int(datetime.fromisoformat(f["recorded_at"]).timestamp()) // every_s: f["id"] for f in fixes}
    shown = history(phone, every_s=every_s, page_size=page_size)
    assert [f["id"] for f in shown] == list(reversed(newest.values()))


def test_latest_is_by_the_time_of_the_fix(phone: APIClient) -> None:
    assert phone.get("/api/v1/locations/latest/").status_code == 404
    newer, older = fix(clock.now()), fix(clock.now() - timedelta(hours=1))
    upload(phone, [newer])
    upload(phone, [older])
    assert phone.get("/api/v1/locations/latest/").data["id"] == newer["id"]


def test_what_is_long_ago_is_found_too(phone: APIClient) -> None:
    now = clock.now()
    fixes = [fix(now - timedelta(days=days)) for days in (7, 8, 20, 36, 89)]
    upload(phone, fixes[4:])
    assert phone.get("/api/v1/locations/latest/").data["id"] == fixes[4]["id"]
    upload(phone, fixes)
    for page_size in (1, 2, 50):
        assert [f["id"] for f in history(phone, page_size=page_size)] == [f["id"] for f in fixes]


def test_plans_are_of_recent_weeks_only(phone: APIClient) -> None:
    make_zone(phone)
    upload(phone, trail(3))
    with CaptureQueriesContext(connection) as queries:
        phone.get("/api/v1/locations/latest/")
        evaluate_all()
    asked = [query["sql"] for query in queries if "geo_fix" in query["sql"]]
    assert len(asked) == 2
    for statement in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert 1 <= len(set(re.findall(r"geo_fix_\d{4}_\d\d", plan))) <= 3, plan


def test_wrong_questions_are_answered(phone: APIClient) -> None:
    upload(phone, trail(1))
    wrong: list[dict[str, Any]] = [
        *({"bbox": box} for box in ("1,2,3", "a,b,c,d", "0,5,1,4", "0,0,0,91", "nan,0,1,1", "inf,0,1,1")),
        *({"since": "x"}, {"page_size": 0}, {"page_size": 1001}, {"every_s": -1}, {"every_s": 10**12}),
    ]
    for query in wrong:
        assert phone.get("/api/v1/locations/", query).status_code == 400, query
    for cursor in ("x", "é", "MHww", "MjAyNi0xMS0yNFQxMDowMDowMHw1"):
        assert phone.get("/api/v1/locations/", {"cursor": cursor}).status_code == 404, cursor


def test_fixes_lie_in_weeks(phone: APIClient) -> None:
    now = clock.now()
    upload(phone, [fix(now - timedelta(days=7 * week)) for week in range(12)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT tableoid) FROM geo_fix")
        assert cursor.fetchone() == (12,)
    assert len(history(phone, page_size=5)) == 12


def test_history_reads_one_index_in_order(ana: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT * FROM geo_fix WHERE owner_id = %s AND at < now() ORDER BY at DESC, id DESC LIMIT 100",
            [ana.id],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Sort" not in plan, plan
    assert "Seq Scan" not in plan, plan


def test_weeks_are_made_ahead_and_dropped_when_nothing_in_them_is_kept(phone: APIClient) -> None:
    now = clock.now()
    upload(phone, [fix(now), fix(now - timedelta(days=60))])
    assert partitions.ensure(now=now, kept_for=KEPT) == 0
    assert partitions.ensure(now=now + timedelta(days=14), kept_for=KEPT) == 2
    month = timedelta(days=30)
    dropped = 0
    while partitions.drop_oldest(now=now, kept_for=month):
        dropped += 1
    assert 7 <= dropped <= 10
    assert len(history(phone)) == 1
    oldest = min(partitions._existing())
    begin = partitions._begin(oldest)
    assert begin <= now - month < begin + timedelta(days=7)
    assert partitions.ensure(now=now, kept_for=KEPT) == dropped


def test_what_is_no_longer_kept_is_not_shown(phone: APIClient, settings: Any) -> None:
    upload(phone, [fix(clock.now() - timedelta(days=2)), fix(clock.now())])
    settings.LOCATION_DAYS = 1
    assert len(history(phone)) == 1
