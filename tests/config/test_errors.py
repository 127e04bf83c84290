import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import errors


class Gone(exceptions.APIException):
    status_code = 410
    default_detail = "It is over."
    default_code = "over"


def _ended_for_its_idleness() -> InternalError:
    error = InternalError("terminating connection due to idle-in-transaction timeout")
    error.__cause__ = psycopg.errors.IdleInTransactionSessionTimeout()
    return error


RAISED: dict[str, Exception] = {
    "invalid": exceptions.ValidationError({"name": ["Too long."]}),
    "invalid_list": exceptions.ValidationError(["Wrong."]),
    "missing": Http404("secret detail"),
    "forbidden": PermissionDenied("secret detail"),
    "login": exceptions.NotAuthenticated(),
    "slow": exceptions.Throttled(wait=7),
    "over": Gone(),
    "frozen": _ended_for_its_idleness(),
    "down": OperationalError("connection to server at 10.0.0.1 failed"),
    "closed": InterfaceError("connection already closed"),
    "broken": IntegrityError("Key (phone_number)=(+996700000001) already exists"),
    "odd": SuspiciousOperation("secret detail"),
}


TOO_LONG = {"message": "Too long.", "code": "invalid"}


class RaisingView(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request: Request, name: str) -> Response:
        raise RAISED[name]

    def post(self, request: Request, name: str) -> Response:
        class Form(serializers.Serializer[Any]):
            name = serializers.CharField(max_length=3)

        Form(data=request.data).is_valid(raise_exception=True)
        return Response({})


def plain(request: HttpRequest, name: str) -> HttpResponse:
    raise RAISED[name]


urlpatterns = [path("api/<str:name>", RaisingView.as_view()), path("plain/<str:name>", plain)]
handler400, handler404, handler500 = (
    "config.errors.bad_request",
    "config.errors.not_found",
    "config.errors.server_error",
)


@pytest.fixture
def client() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


def body_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem in a response. Every error has this shape."""
    assert response.status_code == status
    assert response["Content-Type"] == errors.CONTENT_TYPE
    problem: dict[str, Any] = json.loads(response.content)
    assert {"type", "title", "status", "code", "detail"} <= problem.keys()
    assert (problem["type"], problem["status"], problem["code"]) == ("about:blank", status, code)
    for leak in ("secret", "10.0.0.1", "+996"):
        assert leak not in response.content.decode()
    return problem


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("missing", 404, "not_found"),
        ("forbidden", 403, "permission_denied"),
        ("login", 403, "not_authenticated"),
        ("over", 410, "over"),
        ("down", 503, "temporarily_unavailable"),
        ("closed", 503, "temporarily_unavailable"),
        ("frozen", 503, "temporarily_unavailable"),
        ("broken", 500, "internal_error"),
        ("odd", 400, "bad_request"),
    ],
)
def test_every_error_of_the_api_is_a_problem(name: str, status: int, code: str, client: Client) -> None:
    body_of(client.get(f"/api/{name}"), status, code)


def test_field_errors_stand_by_field(client: Client) -> None:
    assert body_of(client.get("/api/invalid"), 400, "invalid")["errors"] == {"name": [TOO_LONG]}
    assert body_of(client.get("/api/invalid_list"), 400, "invalid")["errors"] == {
        "non_field_errors": [{"message": "Wrong.", "code": "invalid"}]
    }


def test_waiting_times_are_headers(client: Client) -> None:
    slow = client.get("/api/slow")
    body_of(slow, 429, "throttled")
    assert slow["Retry-After"] == "7"
    assert client.get("/api/down")["Retry-After"] == "2"


def test_methods_and_media_types_are_problems(client: Client) -> None:
    refused = client.delete("/api/over")
    body_of(refused, 405, "method_not_allowed")
    assert refused["Allow"]
    body_of(client.post("/api/over", b"<x/>", content_type="text/xml"), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("missing", 404, "not_found"),
        ("odd", 400, "bad_request"),
        ("down", 503, "temporarily_unavailable"),
        ("closed", 503, "temporarily_unavailable"),
        ("frozen", 503, "temporarily_unavailable"),
        ("broken", 500, "internal_error"),
    ],
)
def test_errors_outside_the_api_are_problems_too(name: str, status: int, code: str, client: Client) -> None:
    body_of(client.get(f"/plain/{name}"), status, code)


def test_an_unknown_path_is_a_problem() -> None:
    body_of(Client().get("/nowhere"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "parse_error"),
        (b'{"name": "\xff"}', 400, "parse_error"),
        (b'{"name": NaN}', 400, "parse_error"),
        (b"[" * 20_000 + b"]" * 20_000, 400, "parse_error"),
        (b"1" * 5_000, 400, "parse_error"),
        (b'{"name": "' + b"a" * 70_000 + b'"}', 413, "body_too_large"),
        (b'{"name": "long"}', 400, "invalid"),
        (b'{"name": "\\u0000"}', 400, "invalid"),
        # Half a surrogate pair is replaced: a broken character must not cost somebody their SOS.
        (b'{"name": "\\ud800"}', 200, ""),
        (b'{"name": {"a": 1}}', 400, "invalid"),
        (b"[]", 400, "invalid"),
        (b"null", 400, "invalid"),
        (b"", 400, "invalid"),
        (b'{"name": "Ana"}', 200, ""),
        (b'{"a": ' * 50 + b"1" + b"}" * 50, 400, "invalid"),
    ],
)
def test_json_that_cannot_be_taken_is_refused_with_its_reason(
    body: bytes, status: int, code: str, client: Client
) -> None:
    answer = client.post("/api/over", body, content_type="application/json")
    assert answer.status_code == status
    if code:
        body_of(answer, status, code)
