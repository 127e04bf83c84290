"""No inline script or style runs on any page. Found (audit, Low): the admin and /api/docs/ had no policy at all."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client

from config.csp import HEADER
from identity.models import User

pytestmark = pytest.mark.django_db

# Scripts without `src` that are data, not programs, are allowed; event handlers and styles in tags are not.
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|<style|\s(?:on[a-z]+|style)=[\"']", re.IGNORECASE
)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("+996777000001", "operators-password"))
    return client


def directives(answer: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in answer[HEADER].split(";")]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/healthz",
        "/api/v1/me/",
        "/api/v1/nothing/",
        "/api/docs/",
        "/admin/",
        "/admin/login/",
        "/a/wrong-token",
        "/x",
        "/static/alerts/page.js",
        "/static/alerts/icon.svg",
    ],
)
def test_every_response_has_a_policy_without_inline_scripts(path: str) -> None:
    policy = directives(Client().get(path))
    assert policy["default-src"] == ["'none'"]
    scripts = policy.get("script-src", []) + policy.get("style-src", [])
    assert set(scripts) <= {"'self'"}
    assert policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]


def test_json_loads_nothing() -> None:
    assert set(directives(Client().get("/api/v1/me/"))) == {"default-src", "base-uri", "form-action", "frame-ancestors"}


def test_the_contacts_page_keeps_its_own() -> None:
    assert "img-src" in directives(Client().get("/a/" + "x" * 22))


def test_the_documentation_holds_no_inline_script_and_loads_own_files_only() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert not INLINE.search(page)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 4
    assert all(finders.find(path.removeprefix("/static/")) for path in loaded)
    assert 'data-schema-url="/api/schema/"' in page


def test_no_page_of_the_admin_holds_an_inline_script(operator: Client) -> None:
    pages = ["/admin/", "/admin/password_change/", f"/admin/identity/user/{User.objects.get().id}/change/"]
    for model, model_admin in admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        pages += [base, f"{base}add/"] if model_admin.has_add_permission(_request(operator)) else [base]
    for page in pages:
        answer = operator.get(page)
        assert answer.status_code == 200, page
        found = INLINE.search(answer.content.decode())
        assert not found, f"{page}: {found and found.group()}"
        assert directives(answer)["script-src"] == ["'self'"]
    assert not INLINE.search(Client().get("/admin/login/").content.decode())


def _request(client: Client) -> Any:
    return client.get("/admin/").wsgi_request
