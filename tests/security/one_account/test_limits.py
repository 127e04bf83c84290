"""Limits of each person, and a person's share of a web process."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alerts.models import AlertPosition
from config import fair_share
from config.fair_share import Shares
from geo.models import Fix
from identity.api import person_limits
from identity.devices import credentials
from identity.models import Platform, User
from messaging.database import clock
from tests.alerts.evidence.tus import TUS, create
from tests.security.one_account.conftest import URL
from tests.signed_in import bearer

pytestmark = pytest.mark.django_db


def test_batches_of_fixes_are_limited(phone: APIClient, lowered: Any) -> None:
    """Found: 40,000 rows in 19 s from 0.11 MiB, without limit. Now: 60 batches in five minutes."""
    assert person_limits.BATCHES.times * 1_000 / person_limits.BATCHES.window.total_seconds() <= 200
    lowered(person_limits.BATCHES, 2)
    now = clock.now()
    for expected in (201, 201, 429):
        fix = {"latitude": 42.87, "longitude": 74.57, "recorded_at": now.isoformat(), "id": str(uuid4())}
        answer = phone.post("/api/v1/locations/batch/", {"locations": [fix]}, format="json")
        assert answer.status_code == expected, answer.data
    assert Fix.objects.count() == 2
    assert answer["Retry-After"]


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("FIXES", "locations/", {}),
        ("ALERT_BATCHES", "sos-alerts/{alert}/locations/batch/", {"locations": []}),
        ("FILES", "sos-alerts/{alert}/uploads/", {}),
        ("FILES", "sos-alerts/{alert}/upload_photo/", {}),
        ("HEARTBEATS", "timers/{alert}/heartbeat/", {}),
        ("CHANGES", "timers/", {}),
        ("CHANGES", "geozones/", {}),
        ("CHANGES", "blueprints/", {}),
        ("CHANGES", "me/contacts/", {}),
        ("CHANGES", "me/devices/", {}),
    ],
)
def test_every_creating_post_is_limited_and_no_sos_is(
    phone: APIClient, alert: str, lowered: Any, limit: str, path: str, body: dict[str, Any]
) -> None:
    """Found: most had no limit. Now: each has one, also for refused bodies, and none of them counts a press."""
    for name in ("CHANGES", "FIXES", "BATCHES", "ALERT_BATCHES", "HEARTBEATS", "PIECES", "FILES", "ENDS"):
        lowered(getattr(person_limits, name), 0 if name == limit else 1_000)
    answer = phone.post(f"/api/v1/{path.format(alert=alert)}", body, format="json", headers=TUS)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    for _ in range(5):
        assert phone.post(URL, {"latitude": 42.87, "longitude": 74.57}, format="json").status_code == 200
    assert AlertPosition.objects.count() == 5


def test_a_stolen_credential_uses_up_nothing_of_its_persons_own(
    aida: User, phone: APIClient, alert: str, lowered: Any
) -> None:
    lowered(person_limits.FILES, 1)
    stolen = credentials.register(person=aida, session_id=None, name="stolen", platform=Platform.IOS, now=clock.now())
    thief = APIClient(headers={"X-SOS-Credential": stolen.credential})
    assert [create(thief, alert).status_code for _ in range(2)] == [201, 429]
    assert create(phone, alert).status_code == 201


@pytest.fixture
def served(aida: User) -> Any:
    """Ask as gunicorn would, signed in."""
    client = Client(headers={"Authorization": bearer(aida)})
    environment: Any = {"gunicorn.socket": SimpleNamespace(shutdown=lambda how: None)}

    def ask(method: str, path: str, **kwargs: Any) -> Any:
        return getattr(client, method)(path, **environment, **kwargs)

    return ask


def test_requests_beyond_a_persons_share_ask_nothing_of_the_database(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found: an account could keep every thread busy. Now: 0.5 s of processor, then 0.05 s in each second."""
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "BURST_S", 0.001)
    assert served("get", "/api/v1/me/contacts/").status_code == 200
    with CaptureQueriesContext(connection) as queries:
        over = served("get", "/api/v1/me/contacts/")
    assert (over.status_code, over["Retry-After"], len(queries)) == (429, "1", 0)
    press = served("post", URL, data={}, content_type="application/json")
    assert press.status_code == 201
    # Positions have a share of their own.
    assert served("get", f"{URL}{press.json()['id']}/locations/").status_code == 200


def test_a_file_that_is_streamed_is_charged_when_it_was_written(aida: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "AT_ONCE", 1)
    get_response: Any = lambda request: StreamingHttpResponse(iter(["gpx"]))  # noqa: E731
    serve = fair_share.FairShareMiddleware(get_response)
    request = RequestFactory().get("/api/v1/locations/gpx/", headers={"Authorization": bearer(aida)})
    request.META["gunicorn.socket"] = None
    first = serve(request)
    assert serve(request).status_code == 429
    for closer in first._resource_closers:  # type: ignore[attr-defined]
        closer()
    assert serve(request).status_code == 200


def test_a_share_comes_back_and_is_each_persons_own() -> None:
    shares = Shares()
    assert all(shares.enter("aida", now=0) for _ in range(fair_share.AT_ONCE))
    assert not shares.enter("aida", now=0)
    assert shares.enter("bek", now=0)
    for _ in range(fair_share.AT_ONCE):
        shares.leave("aida", cost_s=fair_share.BURST_S)
    debt = (fair_share.AT_ONCE - 1) * fair_share.BURST_S / fair_share.PER_SECOND
    assert not shares.enter("aida", now=debt - 0.1)
    assert shares.enter("aida", now=debt + 1)
    assert not shares.enter("aida", now=debt + 1)
    shares.leave("aida", cost_s=0)
    assert shares.enter("aida", now=debt + 1)


def test_nobody_uses_up_the_share_of_somebody_else(served: Any, aida: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forged token that names the person is not charged to them."""
    monkeypatch.setattr(fair_share, "PER_SECOND", 0)
    monkeypatch.setattr(fair_share, "BURST_S", 0.001)
    forged = bearer(aida).removeprefix("Bearer ")[:-4] + "AAAA"
    for _ in range(5):
        assert served("get", "/api/v1/me/", headers={"Authorization": f"Bearer {forged}"}).status_code == 401
    assert served("get", "/api/v1/me/contacts/").status_code == 200
