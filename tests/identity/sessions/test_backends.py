"""The log-in of the admin has the limits of the API."""

import pytest
from django.test import Client

from identity.models import User

pytestmark = pytest.mark.django_db


def test_guessing_at_the_admin_is_stopped_even_with_the_right_password_last() -> None:
    User.objects.create_superuser("+996700123456", "right password")
    client = Client()
    for _ in range(10):
        client.post("/admin/login/", {"username": "+996700123456", "password": "wrong"})
    answer = client.post("/admin/login/", {"username": "+996700123456", "password": "right password"})
    assert answer.status_code == 200  # 200 is the form again; a log-in would be a redirect.
    assert "_auth_user_id" not in client.session


def test_the_right_password_opens_the_admin() -> None:
    User.objects.create_superuser("+996700123456", "right password")
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": "+996700123456", "password": "right password"})
    assert answer.status_code == 302
    assert client.get("/admin/messaging/operatoralarm/").status_code == 200
