from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from identity.models import EmergencyContact, User

from .conftest import AddContacts
from .phones import ANA


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    admin = User.objects.create_superuser("+996777000001", "operators-password")
    client.force_login(admin)
    return client


def test_createsuperuser(db: None, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "operators-password")
    call_command("createsuperuser", "--noinput", "--phone_number", "+996 777 000 001", stdout=StringIO())
    user = User.objects.get()
    assert (str(user.phone_number), user.is_staff, user.is_superuser) == ("+996777000001", True, True)
    output = StringIO()
    call_command("enrolstaff", "+996777000001", stdout=output)
    code = output.getvalue().split()[-1]
    login = {"username": "+996777000001", "password": "operators-password", "code": code}
    assert client.post("/admin/login/?next=/admin/", login).status_code == 302
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("username", ["garbage", "\x00", "+99655512345612345678901234567890", "ё"])
def test_a_garbage_name_does_not_sign_in(db: None, client: Client, username: str) -> None:
    login = {"username": username, "password": "x", "code": "000000"}
    assert client.post("/admin/login/?next=/admin/", login).status_code == 200


def test_people_are_found_by_their_whole_number(operator: Client, ana: User) -> None:
    found = operator.get("/admin/identity/user/", {"q": ANA})
    assert str(ana.id) in found.content.decode()
    assert str(ana.id) not in operator.get("/admin/identity/user/", {"q": "99655"}).content.decode()


def test_an_operator_deactivates_and_sees_no_secrets(operator: Client, ana: User) -> None:
    page = operator.get(f"/admin/identity/user/{ana.id}/change/")
    assert page.status_code == 200
    assert 'name="password"' not in page.content.decode()
    assert "argon2" not in page.content.decode()
    answer = operator.post(f"/admin/identity/user/{ana.id}/change/", {"groups": [], "phone_number": "+1"})
    assert answer.status_code == 302
    ana.refresh_from_db()
    assert (ana.is_active, str(ana.phone_number)) == (False, ANA)


def test_contacts_are_only_read(operator: Client, add_contacts: AddContacts) -> None:
    (aida,) = add_contacts("Aida")
    page = operator.get(f"/admin/identity/emergencycontact/{aida.id}/change/")
    assert page.status_code == 200
    assert "Aida" not in page.content.decode()
    assert operator.get("/admin/identity/emergencycontact/").status_code == 200
    body: dict[str, Any] = {"name": "X"}
    assert operator.post(f"/admin/identity/emergencycontact/{aida.id}/change/", body).status_code == 403
    assert EmergencyContact.objects.get().name == "Aida"
