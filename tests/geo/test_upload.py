import gzip
import json
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from geo import policy, tracking
from geo.models import DueEvaluation, Fix
from geo.reading import Sent
from identity.models import User
from messaging.database import clock
from tests.geo.conftest import app
from tests.geo.stories import make_zone
from tests.geo.uploads import fix, history, trail, upload
from tests.race import at_once

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_one_fix_is_kept_as_it_was_sent(phone: APIClient, ana: User) -> None:
    at = clock.now() - MINUTE
    whole: dict[str, Any] = {
        "accuracy": 12.5,
        "altitude": 800,
        "speed": 1.5,
        "course": 90,
        "battery": 81.6,
        "network": "4g",
        "activity": "walking",
        "track_id": "018f0000-0000-7000-8000-000000000001",
    }
    answer = phone.post("/api/v1/locations/", fix(at, **whole), format="json")
    assert (answer.status_code, answer.data) == (201, {"stored": 1, "repeated": 0, "refused": []})
    [shown] = history(phone)
    assert shown["recorded_at"] == at.isoformat().replace("+00:00", "Z")
    assert (shown["latitude"], shown["longitude"], shown["battery"]) == (42.8746, 74.5698, 81)
    assert {name: shown[name] for name in whole if name != "battery"} == {
        name: value for name, value in whole.items() if name != "battery"
    }


def test_without_a_time_it_is_now(phone: APIClient) -> None:
    before = clock.now()
    assert phone.post("/api/v1/locations/", {"latitude": 1, "longitude": 2}, format="json").status_code == 201
    assert before <= Fix.objects.get().at <= clock.now()


def test_a_batch_in_any_order_is_stored_once(phone: APIClient) -> None:
    fixes = trail(300)
    shuffled = random.Random(1).sample(fixes, 300)
    assert upload(phone, shuffled).data == {"stored": 300, "repeated": 0, "refused": []}
    again = upload(phone, fixes[100:] + trail(5, until=clock.now() - timedelta(hours=2)) + fixes[:2])
    assert (again.status_code, again.data["stored"], again.data["repeated"]) == (201, 5, 202)
    assert upload(phone, fixes).status_code == 200
    assert [f["id"] for f in history(phone)][:300] == [f["id"] for f in reversed(fixes)]


def test_the_same_fix_without_an_id_is_stored_once(phone: APIClient) -> None:
    bare = {key: value for key, value in fix(clock.now() - MINUTE).items() if key != "id"}
    assert upload(phone, [bare, dict(bare)]).data == {"stored": 1, "repeated": 1, "refused": []}


@pytest.mark.django_db(transaction=True)
def test_uploads_of_the_same_fixes_at_once_store_them_once(ana: User) -> None:
    now = clock.now()
    fixes = trail(200)

    def send(seed: int) -> Any:
        return tracking.take(Sent(items=random.Random(seed).sample(fixes, 200)), owner_id=ana.id, now=now)

    found = at_once(*(lambda seed=seed: send(seed) for seed in range(6)))
    assert sum(one.stored for one in found) == 200
    assert Fix.objects.filter(owner=ana).count() == 200


@pytest.mark.django_db(transaction=True)
def test_uploads_that_overlap_wait_for_each_other_in_one_order(phone: APIClient, ana: User) -> None:
    make_zone(phone)

    def send(part: list[Any]) -> tracking.Upload:
        return tracking.take(Sent(items=part), owner_id=ana.id, now=clock.now())

    for _ in range(3):
        fixes = trail(600, every=timedelta(seconds=1))
        parts = [fixes[100:], fixes[:500], fixes[200:], fixes[:300]]
        assert sum(one.stored for one in at_once(*(partial(send, part) for part in parts))) == 600


def test_wrong_fixes_are_named_and_cost_the_others_nothing(phone: APIClient) -> None:
    now = clock.now()
    good = fix(now - MINUTE)
    wrong: dict[str, Any] = {
        "not_an_object": 5,
        "required": {"latitude": 1},
        "null_island": good | {"latitude": 0.0, "longitude": 0.0},
        "out_of_range": good | {"latitude": 91},
        "not_a_number": good | {"longitude": True},
        "not_a_time": good | {"recorded_at": "yesterday"},
        "no_time_zone": good | {"recorded_at": "2026-11-24T10:00:00"},
        "in_the_future": fix(now + timedelta(days=2)),
        "too_old": fix(now - timedelta(days=91)),
    }
    answer = upload(phone, [*wrong.values(), good])
    assert answer.status_code == 201
    assert [(one["index"], one["code"]) for one in answer.data["refused"]] == list(enumerate(wrong))
    assert answer.data["stored"] == 1


def test_numbers_that_are_none_are_refused(phone: APIClient) -> None:
    for body in ('{"locations": [{"latitude": NaN}]}', '{"locations": [{"latitude": Infinity}]}', "[1", "\xff", ""):
        answer = phone.post("/api/v1/locations/batch/", body.encode("latin-1"), content_type="application/json")
        assert answer.status_code == 400, body
    bodies: list[Any] = [
        {},
        {"locations": {}},
        {"locations": None},
        [],
        5,
    ]
    for wrong in bodies:
        assert phone.post("/api/v1/locations/batch/", wrong, format="json").status_code == 400, wrong
    huge = {"latitude": 10**400, "longitude": 1, "recorded_at": clock.now().isoformat()}
    assert upload(phone, [huge]).data["refused"][0]["code"] == "out_of_range"
    assert phone.post("/api/v1/locations/", huge, format="json").status_code == 400


def test_a_batch_has_a_limit(phone: APIClient) -> None:
    most = trail(policy.MAX_BATCH, every=timedelta(seconds=1))
    assert upload(phone, most).data["stored"] == policy.MAX_BATCH
    more = upload(phone, [*most, fix(clock.now())])
    assert (more.status_code, more.json()["code"]) == (413, "too_many_fixes")


def _gzipped(phone: APIClient, body: bytes, encoding: str = "gzip") -> Any:
    return phone.post("/api/v1/locations/batch/", body, content_type="application/json", HTTP_CONTENT_ENCODING=encoding)


def test_gzip_is_unpacked_within_bounds(phone: APIClient) -> None:
    packed = gzip.compress(json.dumps({"locations": trail(50)}).encode())
    assert _gzipped(phone, packed).data["stored"] == 50
    bomb = gzip.compress(b'{"locations": [' + b" " * 50_000_000 + b"]}")
    assert len(bomb) < policy.MAX_BODY
    answer = _gzipped(phone, bomb)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    for broken in (packed[:-9], b"no gzip", b""):
        assert _gzipped(phone, broken).status_code == 400
    assert _gzipped(phone, packed, "br").status_code == 415
    plain = phone.post("/api/v1/locations/batch/", b" " * (policy.MAX_BODY + 1), content_type="application/json")
    assert plain.status_code == 413


def test_a_clock_that_is_wrong_is_corrected_and_repeats_stay_repeats(phone: APIClient) -> None:
    now = clock.now()
    phones = now + timedelta(hours=3)  # The clock of Ana's phone.
    fixes = trail(10, until=phones)
    assert upload(phone, fixes, sent_at=phones.isoformat()).data["stored"] == 10
    [newest, *_] = history(phone)
    assert abs(Fix.objects.latest("at").at - now) < timedelta(seconds=5), newest
    late = (phones + timedelta(seconds=20)).isoformat()
    assert upload(phone, fixes, sent_at=late).data == {"stored": 0, "repeated": 10, "refused": []}
    # The phone's clock is right again.
    assert upload(phone, [fix(now)], sent_at=clock.now().isoformat()).data["stored"] == 1
    assert abs(Fix.objects.latest("at").at - now) < timedelta(seconds=5)


def test_a_clock_that_is_ahead_is_corrected_though_the_phone_does_not_say_when_it_sent(phone: APIClient) -> None:
    phones = clock.now() + timedelta(minutes=20)
    assert upload(phone, trail(10, until=phones)).data["stored"] == 10
    assert abs(Fix.objects.latest("at").at - clock.now()) < timedelta(seconds=5)
    # Without `sent_at`, a clock that is not ahead is taken to be right.
    upload(phone, [fix(clock.now() - MINUTE)])
    assert abs(Fix.objects.latest("received_at").at - clock.now() + MINUTE) < timedelta(seconds=5)


def test_a_wrong_detail_is_left_out(phone: APIClient) -> None:
    wrong: dict[str, Any] = {
        "accuracy": "good",
        "altitude": 1e9,
        "speed": -1,
        "course": 361,
        "battery": 101,
        "track_id": "1",
    }
    odd = fix(clock.now() - MINUTE, id=7, network="6g", activity="flying", **wrong)
    assert upload(phone, [odd, odd], sent_at="now").data == {"stored": 1, "repeated": 1, "refused": []}
    [shown] = history(phone)
    assert {shown[name] for name in wrong} == {None}
    assert (shown["network"], shown["activity"]) == ("unknown", "unknown")
    upload(phone, [fix(clock.now(), accuracy=5e6)])
    assert history(phone)[0]["accuracy"] == policy.WORST_ACCURACY_M


def test_fixes_of_somebody_without_zones_ask_for_nothing(phone: APIClient) -> None:
    upload(phone, trail(3))
    assert not DueEvaluation.objects.exists()


def test_nobody_sees_anothers_fixes(phone: APIClient, stranger: User) -> None:
    fixes = trail(3)
    upload(phone, fixes)
    theirs = app(stranger)
    assert history(theirs) == []
    assert theirs.get("/api/v1/locations/latest/").status_code == 404
    # The same ids from another person are other fixes.
    assert upload(theirs, fixes).data["stored"] == 3
    assert len(history(phone)) == 3
