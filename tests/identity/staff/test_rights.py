"""Operators cannot raise rights. Found (audit M6): staff with `change_user` made themselves superuser (302)."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client

from identity.models import Session, User
from identity.sessions import tokens
from messaging.database import clock

pytestmark = pytest.mark.django_db
USERS = "/admin/identity/user/"
RIGHTS = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}


def staff(number: str, *permissions: str) -> User:
    user = User.objects.create(phone_number=number, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def operator() -> User:
    names = ("change_user", "view_user", "delete_user", "change_group", "add_group", "delete_group", "change_session")
    return staff("+996777000002", *names)


@pytest.fixture
def page(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def rights(user: User) -> tuple[bool, bool, int, int]:
    user.refresh_from_db()
    return user.is_staff, user.is_superuser, user.groups.count(), user.user_permissions.count()


def test_staff_do_not_change_themselves(page: Client, operator: User) -> None:
    before = rights(operator)
    assert page.post(f"{USERS}{operator.id}/change/", RIGHTS).status_code == 403
    assert rights(operator) == before


def test_superusers_do_not_change_themselves_either() -> None:
    chief, client = User.objects.create_superuser("+996777000001", "operators-password"), Client()
    client.force_login(chief)
    assert client.post(f"{USERS}{chief.id}/change/", {"is_active": "on"}).status_code == 403
    assert rights(chief)[:2] == (True, True)


def test_staff_give_nobody_rights(page: Client, ana: User) -> None:
    group = Group.objects.create(name="chiefs")
    body: dict[str, Any] = RIGHTS | {"groups": [group.pk]}
    assert page.post(f"{USERS}{ana.id}/change/", body).status_code == 302
    assert rights(ana) == (False, False, 0, 0)


@pytest.mark.parametrize("is_superuser", [True, False])
def test_staff_change_no_operator(page: Client, is_superuser: bool) -> None:
    other = User.objects.create(phone_number="+996777000003", is_staff=True, is_superuser=is_superuser)
    assert page.post(f"{USERS}{other.id}/change/", {}).status_code == 403
    assert page.post(f"{USERS}{other.id}/delete/", {"post": "yes"}).status_code == 403
    other.refresh_from_db()
    assert other.is_active


def test_staff_change_no_group(page: Client) -> None:
    group = Group.objects.create(name="chiefs")
    for path in (f"{group.pk}/change/", "add/", f"{group.pk}/delete/"):
        body = {"name": "x", "permissions": [1], "post": "yes"}
        assert page.post(f"/admin/auth/group/{path}", body).status_code == 403
    assert Group.objects.get().permissions.count() == 0


def test_superusers_give_rights(ana: User) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("+996777000001", "operators-password"))
    assert client.post(f"{USERS}{ana.id}/change/", {"is_active": "on", "is_staff": "on"}).status_code == 302
    assert rights(ana)[0]


def _end(page: Client, person: User) -> Any:
    return page.post(USERS, {"action": "end_sessions", "_selected_action": [str(person.id)]})


def test_ending_sessions_is_logged_with_the_operator(page: Client, operator: User, ana: User) -> None:
    tokens.open_session(ana, now=clock.now())
    assert _end(page, ana).status_code == 302
    assert not Session.objects.filter(revoked_at=None).exists()
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (operator.id, str(ana.id))
    assert "SOS credentials kept" in entry.change_message


def test_ending_sessions_takes_the_permission(ana: User) -> None:
    client = Client()
    client.force_login(staff("+996777000004", "change_user", "view_user"))
    tokens.open_session(ana, now=clock.now())
    _end(client, ana)
    assert Session.objects.get().revoked_at is None


def test_staff_do_not_sign_out_their_superiors(page: Client) -> None:
    chief = User.objects.create_superuser("+996777000001", "operators-password")
    tokens.open_session(chief, now=clock.now())
    _end(page, chief)
    assert Session.objects.get().revoked_at is None
