from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity.api.idempotency import replayable
from identity.api.requests import person
from identity.models import EmergencyContact, IdempotencyRecord, User
from messaging.database import clock
from tests.identity.conftest import signed_in
from tests.identity.phones import BEN, App
from tests.race import at_once

CONTACTS = "/api/v1/me/contacts/"
BODY = {"name": "Ben", "phone_number": BEN, "relation": "brother"}


def _post(app: App, key: str, body: Any = None, to: str = CONTACTS) -> Any:
    return app.post(to, BODY if body is None else body, headers={"Idempotency-Key": key})


def test_a_repeat_gets_the_first_answer(anas_app: App) -> None:
    first, again = _post(anas_app, "k1"), _post(anas_app, "k1")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert EmergencyContact.objects.count() == 1


def test_the_order_of_fields_does_not_matter(anas_app: App) -> None:
    _post(anas_app, "k1")
    again = _post(anas_app, "k1", dict(reversed(BODY.items())))
    assert again["Idempotency-Replayed"] == "true"


def test_another_body_is_refused(anas_app: App) -> None:
    _post(anas_app, "k1")
    answer = _post(anas_app, "k1", BODY | {"name": "Bek"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_without_a_key_each_post_counts(anas_app: App) -> None:
    assert anas_app.post(CONTACTS, BODY).status_code == 201
    assert anas_app.post(CONTACTS, BODY).status_code == 400
    assert not IdempotencyRecord.objects.exists()


def test_errors_are_not_kept(anas_app: App) -> None:
    anas_app.post(CONTACTS, BODY)
    assert _post(anas_app, "k1").status_code == 400
    assert not IdempotencyRecord.objects.exists()
    EmergencyContact.objects.all().delete()
    assert _post(anas_app, "k1").status_code == 201


def test_keys_are_each_persons_own(anas_app: App, stranger: User) -> None:
    mine, theirs = _post(anas_app, "k1"), _post(signed_in(stranger), "k1")
    assert theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_day_later_it_is_forgotten(anas_app: App) -> None:
    _post(anas_app, "k1")
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=23, minutes=59))
    assert _post(anas_app, "k1")["Idempotency-Replayed"] == "true"
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=24))
    other = {"name": "Aida", "phone_number": "+996700100000"}
    assert _post(anas_app, "k1", other).status_code == 201
    again = _post(anas_app, "k1", other)
    assert (again.json()["name"], again["Idempotency-Replayed"]) == ("Aida", "true")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 101, "ключ".encode().decode("latin-1"), "a\tb", "\x7f"])
def test_an_invalid_key_is_refused(anas_app: App, key: str) -> None:
    answer = _post(anas_app, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert not EmergencyContact.objects.exists()


@pytest.mark.parametrize("key", ["x" * 100, "!~\"'\\%s;--", "0"])
def test_a_valid_key_is_accepted(anas_app: App, key: str) -> None:
    assert _post(anas_app, key).status_code == 201
    assert _post(anas_app, key)["Idempotency-Replayed"] == "true"


def test_a_key_does_not_let_anyone_in(app: App) -> None:
    assert _post(app, "k1").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_twice_at_once_creates_once(ana: User) -> None:
    answers = at_once(*[partial(_post, signed_in(ana), "k1") for _ in range(5)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 4
    assert EmergencyContact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_twice_at_once_with_two_bodies_is_refused_once(ana: User) -> None:
    bodies = [BODY, {"name": "Aida", "phone_number": "+996700100000"}]
    answers = at_once(*[partial(_post, signed_in(ana), "k1", body) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert EmergencyContact.objects.count() == 1


class _Refusing(APIView):
    """Creates something, then returns an error instead of raising one."""

    @replayable
    def post(self, request: Request) -> Response:
        EmergencyContact.objects.create(user=person(request), name="X", phone_number=BEN, order=0)
        return Response({"code": "no"}, status=409)


class _Empty(APIView):
    @replayable
    def post(self, request: Request, word: str) -> Response:
        return Response(status=204)


urlpatterns = [path("refusing/", _Refusing.as_view()), path("empty/<word>/", _Empty.as_view())]


@pytest.fixture
def _own_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("_own_urls")
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k1"}])
def test_a_returned_error_rolls_back_too(anas_app: App, headers: dict[str, str]) -> None:
    assert anas_app.post("/refusing/", {}, headers=headers).status_code == 409
    assert not EmergencyContact.objects.exists()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.usefixtures("_own_urls")
def test_answers_without_a_body_and_keys_by_path(anas_app: App) -> None:
    assert _post(anas_app, "k1", to="/empty/a/").status_code == 204
    again = _post(anas_app, "k1", to="/empty/a/")
    assert (again.status_code, again.content, again["Idempotency-Replayed"]) == (204, b"", "true")
    assert "Idempotency-Replayed" not in _post(anas_app, "k1", to="/empty/b/")
