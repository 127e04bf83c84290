"""Nobody reads or touches another person's alert, and nobody can tell that it exists."""

from uuid import uuid4

import pytest
from django.test import Client
from rest_framework.test import APIClient

from alerts.models import SosAlert
from identity.models import User
from messaging.models import Message
from tests.alerts.conftest import Contacts, app

URL = "/api/v1/sos-alerts/"
VERBS = ["get", "post", "put", "patch", "delete", "head", "options"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(phone: APIClient, contacts: Contacts) -> str:
    contacts("Aida")
    return str(phone.post(URL, {"latitude": 42.8746, "longitude": 74.5698}, format="json").data["id"])


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("path", ["", "cancel/", "resolve/"])
def test_another_persons_alert_answers_like_none(stranger: User, alert: str, verb: str, path: str) -> None:
    call = getattr(app(stranger), verb)
    theirs, none = call(f"{URL}{alert}/{path}"), call(f"{URL}{uuid4()}/{path}")
    assert theirs.status_code == none.status_code in (200, 404, 405)
    assert theirs.content == none.content
    assert b"42.87" not in theirs.content
    assert SosAlert.objects.get().status == "active"
    assert Message.objects.count() == 1


def test_a_strangers_list_and_press_are_their_own(stranger: User, alert: str) -> None:
    theirs = app(stranger)
    assert theirs.get(URL).json()["results"] == []
    pressed = theirs.post(URL, {}, format="json")
    assert pressed.status_code == 201
    assert pressed.data["id"] != alert
    assert pressed.data["contacts"] == []


@pytest.mark.parametrize("path", ["", "x/", "x/cancel/", "x/resolve/"])
@pytest.mark.parametrize("verb", VERBS)
def test_without_signing_in_there_is_nothing(alert: str, verb: str, path: str) -> None:
    answer = getattr(APIClient(), verb)(URL + path.replace("x", alert))
    assert answer.status_code == 401


@pytest.mark.parametrize("cursor", ["x", "cD1nYXJiYWdl", "cD0lMDA=", "bz05OTk5OTk5OTk5OTk5OTk5", "%00", "é"])
def test_a_garbage_cursor_is_no_server_error(phone: APIClient, alert: str, cursor: str) -> None:
    assert phone.get(URL, {"cursor": cursor}).status_code in (200, 400, 404)


@pytest.mark.parametrize("page", ["sosalert", "notification", "contactlink"])
def test_the_operators_lists_show_no_person(alert: str, page: str) -> None:
    operator = User.objects.create_superuser("+996555000000", "a-long-password-1")
    browser = Client()
    browser.force_login(operator)
    content = browser.get(f"/admin/alerts/{page}/").content.decode()
    assert alert in content
    for private in ("Aida", "+996700100000", "Asanova", "42.87"):
        assert private not in content
    assert browser.get(f"/admin/alerts/{page}/add/").status_code == 403
