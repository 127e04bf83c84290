"""Errors of the domain become problems, and only edges know DRF."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.errors import CONTENT_TYPE, STATUS, status_of
from identity import errors
from identity.errors import DomainError

ROOT = Path(__file__).parents[2]
APPS = ("alerts", "config", "geo", "identity", "messaging")
# These modules speak HTTP. All others raise errors that derive from identity/errors.py.
EDGES = (
    "*views.py",
    "*serializers.py",
    "geo/views/*",
    "geo/serializers/*",
    "geo/parsing.py",
    "identity/api/*",
    "identity/pins/protection.py",
    "identity/sessions/authentication.py",
    "identity/sessions/bearer.py",
    "alerts/polling.py",
    "alerts/sos/parsing.py",
    "alerts/evidence/receiving.py",
    "alerts/evidence/tus.py",
    "alerts/exports/contents.py",
    "config/*",
)


class Locked(errors.Forbidden):
    code = "locked"
    detail = "Try again later."
    retry_after_s = 60


class Fired(errors.Conflict):
    code = "fired"
    detail = "It has ended."
    members = {"alert_id": "7"}


RAISED: dict[str, DomainError] = {
    kind.__name__: type("Refused", (kind,), {"code": "refused", "detail": "It is refused."})() for kind in STATUS
} | {
    "bare": errors.NotFound(),
    "exact": errors.NotFound("Invalid cursor"),
    "field": errors.InvalidField("radius_m", "Too far.", code="max_value"),
    "locked": Locked(),
    "fired": Fired("It has run out."),
}


class RaisingView(APIView):
    permission_classes = [AllowAny]
    authentication_classes = []

    def get(self, request: Request, name: str) -> Response:
        raise RAISED[name]


urlpatterns = [path("<str:name>", RaisingView.as_view())]


@pytest.fixture
def client() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client()


def _sources() -> Iterator[tuple[str, str]]:
    for app in APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def _derived(base: type[Any]) -> Iterator[type[Any]]:
    for derived in base.__subclasses__():
        yield derived
        yield from _derived(derived)


def _of_ours(base: type[Any]) -> list[type[Any]]:
    """All classes in our apps that derive from this one, of every module that imports the errors."""
    for name, source in _sources():
        if "identity.errors" in source:
            import_module(name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    return [each for each in _derived(base) if each.__module__.split(".")[0] in APPS]


def test_every_error_of_ours_has_a_code_a_sentence_and_a_status() -> None:
    raised = [each for each in _of_ours(DomainError) if each not in STATUS] + [errors.NotFound]
    assert len(raised) > 40
    for each in raised:
        assert each.code.isidentifier(), each
        assert each.detail.endswith("."), each
        assert 400 <= status_of(each) < 600, each


def test_no_error_of_ours_is_made_for_drf() -> None:
    assert _of_ours(APIException) == []


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_each_kind_is_a_problem_with_its_status(kind: type[DomainError], client: Client) -> None:
    response = client.get(f"/{kind.__name__}")
    assert (response.status_code, response["Content-Type"]) == (STATUS[kind], CONTENT_TYPE)
    assert "Retry-After" not in response
    assert response.json() == {
        "type": "about:blank",
        "status": STATUS[kind],
        "title": "It is refused.",
        "code": "refused",
        "detail": "It is refused.",
    }


@pytest.mark.parametrize(
    ("language", "name", "title", "detail"),
    [
        ("en", "bare", "Not found.", "Not found."),
        ("ru", "bare", "Страница не найдена.", "Страница не найдена."),
        ("ru", "exact", "Страница не найдена.", "Invalid cursor"),
    ],
)
def test_nothing_found_is_said_in_the_clients_language(
    language: str, name: str, title: str, detail: str, client: Client
) -> None:
    response = client.get(f"/{name}", headers={"Accept-Language": language})
    assert response.json() == {
        "type": "about:blank",
        "status": 404,
        "title": title,
        "code": "not_found",
        "detail": detail,
    }


def test_a_wrong_field_stands_in_errors(client: Client) -> None:
    assert client.get("/field").json() == {
        "type": "about:blank",
        "status": 400,
        "title": "Invalid input",
        "code": "invalid",
        "detail": "Some fields are wrong.",
        "errors": {"radius_m": [{"message": "Too far.", "code": "max_value"}]},
    }


def test_when_to_try_again_is_a_header(client: Client) -> None:
    response = client.get("/locked")
    assert (response.status_code, response["Retry-After"]) == (403, "60")


def test_ids_stand_beside_the_problem_and_the_title_stays(client: Client) -> None:
    assert client.get("/fired").json() == {
        "type": "about:blank",
        "status": 409,
        "title": "It has ended.",
        "code": "fired",
        "detail": "It has run out.",
        "alert_id": "7",
    }


def test_only_edges_know_drf() -> None:
    knowing = [
        name
        for name, source in _sources()
        if not any(fnmatch(name, edge) for edge in EDGES)
        if any(_is_of_drf(node) for node in ast.walk(ast.parse(source)))
    ]
    assert knowing == []


def _is_of_drf(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            return module.split(".")[0] == "rest_framework" or any(each.name == "Http404" for each in names)
        case ast.Import(names=names):
            return any(each.name.split(".")[0] == "rest_framework" for each in names)
    return False
