"""An SOS is taken whatever is wrong with its path, scheme or host, and no POST is redirected anywhere (Promise 11)."""

from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from alerts.models import SosAlert
from identity.models import User
from tests.alerts.conftest import Contacts, app

URL = "/api/v1/sos-alerts/"
WRITES = ("post", "put", "patch", "delete")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sos-alerts",
        "/api/v1/sos-alerts//",
        "//api/v1/sos-alerts/",
        "/api/v1//sos-alerts/",
        "/api//v1//sos-alerts",
        "/api/v1%2Fsos-alerts%2F",
        "/api/v1/sos-alerts%252F",
        "/api/v1/sos-alerts/%20",
        "/api/v1/sos-alerts?source=widget",
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_a_press_with_a_wrong_slash_is_an_sos(phone: APIClient, contacts: Contacts, path: str, debug: bool) -> None:
    contacts("Aida")
    # The test client would take `//api` for a host.
    given: Any = {"PATH_INFO": path} if path.startswith("//") else {}
    with override_settings(DEBUG=debug):
        answer = phone.post(path, {"latitude": 42.87, "longitude": 74.57}, format="json", **given)
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")
    assert SosAlert.objects.get().latitude == 42.87


@pytest.mark.parametrize("path", ["/api/v1/sos-alert/", "/api/v1/SOS-ALERTS", "/sos-alerts", "/api", "/a"])
@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("debug", [False, True])
def test_another_path_is_refused_and_never_redirected(phone: APIClient, path: str, method: str, debug: bool) -> None:
    with override_settings(DEBUG=debug):
        answer = getattr(phone, method)(path, {}, format="json")
    assert answer.status_code in (404, 405)
    if path.startswith("/api/"):
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/login", "/admin/identity/user", "/admin/identity/user/add", "/api/docs"]
)
def test_other_writes_without_their_slash_are_not_redirected_to_it(path: str) -> None:
    for method in WRITES:
        answer: Any = getattr(APIClient(), method)(path, {"username": "a"})
        assert answer.status_code not in (301, 307, 308), (method, path)
        # The admin sends those who are not signed in to its log-in.
        assert answer.get("Location", "").partition("?")[0] in ("", "/admin/login/"), (method, path)


def test_a_list_without_its_slash_is_the_list(phone: APIClient) -> None:
    assert phone.get("/api/v1/sos-alerts").json()["results"] == []


@override_settings(SECURE_SSL_REDIRECT=True, PUBLIC_BASE_URL="https://api.example.org")
def test_over_http_an_sos_is_taken_and_other_writes_are_refused(phone: APIClient, contacts: Contacts) -> None:
    contacts("Aida")
    assert phone.post(URL, {}, format="json").status_code == 201
    assert phone.post("/api/v1/sos-alerts", {}, format="json").status_code == 200
    for path in ("/api/v1/timers/", "/a/token/answer", "/admin/login/"):
        refused = phone.post(path, {}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "https_required")
    for path in (URL, "/api/v1/timers/"):
        answer = phone.get(path)
        assert (answer.status_code, answer["Location"].partition(":")[0]) == (301, "https")


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.7", "a_b", "", "[::1", "х.рф"])
@override_settings(ALLOWED_HOSTS=["api.example.org"], PUBLIC_BASE_URL="https://api.example.org", DEBUG=False)
def test_an_sos_is_taken_under_any_host(ana: User, contacts: Contacts, host: str) -> None:
    contacts("Aida")
    assert app(ana).post(URL, {}, format="json", HTTP_HOST=host).status_code == 201
    assert app(ana).get(URL, HTTP_HOST=host).status_code == 400


@pytest.mark.parametrize("method", ["head", "options", "put", "patch", "delete"])
def test_other_methods_raise_no_sos_and_no_error(phone: APIClient, method: str) -> None:
    for path in (URL, URL[:-1]):
        assert getattr(phone, method)(path).status_code in (200, 405)
    assert not SosAlert.objects.exists()
